// Drives real Chromium pages for the end-to-end test. One JSON command a line on standard input,
// one JSON answer a line on standard output: {"id", "ok", "value" | "error"}.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const { chromium } = createRequire(resolve(process.argv[2], "package.json"))("playwright-core");

const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
  // With only loopback up, a page finds no candidate without these two together.
  "--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns",
  // Pages in the background must go on decoding.
  "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows", "--disable-background-timer-throttling",
];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: flags, chromiumSandbox: false });
const pages = new Map();

// readCode reads the time code and the state of the demo game from the page's video. It runs in
// the page and shares no code with it.
const readCode = () => {
  const video = document.querySelector("video[data-testid=video]") ?? document.querySelector("video");
  if (!video || video.readyState < 2 || video.videoWidth < 512) return null;
  const canvas = (window.e2eCanvas ??= document.createElement("canvas"));
  canvas.width = 512;
  canvas.height = 64;
  const scale = video.videoWidth / 1280;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0, 512 * scale, 64 * scale, 0, 0, 512, 64);
  const now = Date.now();
  const { data } = context.getImageData(0, 0, 512, 64);
  const cell = (column, row) => data[((row * 16 + 8) * 512 + column * 16 + 8) * 4 + 1];
  const bits = (row, sync) => {
    let word = "";
    for (let i = 0; i < 32; i++) {
      const difference = cell(i, row) - cell(i, row + 1);
      if (Math.abs(difference) < 60) return null;
      word += difference > 0 ? "1" : "0";
    }
    return word.startsWith(sync) ? word.slice(4) : null;
  };
  const stamp = bits(0, "1010");
  const state = bits(2, "0110");
  if (!stamp || !state) return null;
  const number = (from, to) => parseInt(state.slice(from, to), 2);
  const drawn = parseInt(stamp, 2);
  return {
    drawn, age: (now - drawn) & 0xfffffff, x: number(0, 8), keys: number(8, 16), reactions: number(16, 24), epoch: number(24, 28),
  };
};

const commands = {
  async open({ page, url, width, height, touch }) {
    const context = await browser.newContext({ viewport: { width, height }, hasTouch: !!touch, deviceScaleFactor: touch ? 2 : 1 });
    const p = await context.newPage();
    p.errors = [];
    p.on("pageerror", (e) => p.errors.push(String(e)));
    p.on("console", (m) => m.type() === "error" && p.errors.push(m.text()));
    await p.addInitScript(`window.e2eRead = ${readCode}`);
    pages.set(page, p);
    await p.goto(url);
  },
  fill: ({ page, on, text }) => pages.get(page).getByTestId(on).first().fill(text),
  click: ({ page, on }) => pages.get(page).getByTestId(on).first().click(),
  press: ({ page, on, key }) => pages.get(page).getByTestId(on).first().press(key),
  key: ({ page, key }) => pages.get(page).keyboard.press(key, { delay: 60 }),
  down: ({ page, key }) => pages.get(page).keyboard.down(key),
  up: ({ page, key }) => pages.get(page).keyboard.up(key),
  // tap presses and releases a key every 20 ms from within the page: somebody who cannot wait to play.
  // A key pressed from here would wait for two processes; what is to be measured does not.
  tap: ({ page, code }) =>
    pages.get(page).evaluate((code) => {
      const picture = document.querySelector("[data-testid=picture]");
      const send = (type) => picture.dispatchEvent(new KeyboardEvent(type, { code, bubbles: true, cancelable: true }));
      window.e2eTaps = setInterval(() => ["keydown", "keyup"].forEach(send), 20);
    }, code),
  // rest ends it.
  rest: ({ page }) => pages.get(page).evaluate(() => clearInterval(window.e2eTaps)),
  wait: ({ page, on, state, timeout }) => pages.get(page).getByTestId(on).first().waitFor({ state: state ?? "visible", timeout }),
  text: ({ page, on }) => pages.get(page).getByTestId(on).first().innerText(),
  attribute: ({ page, on, name }) => pages.get(page).getByTestId(on).first().getAttribute(name),
  body: ({ page }) => pages.get(page).locator("body").innerText(),
  code: ({ page }) => pages.get(page).evaluate(() => window.e2eRead()),
  moves: ({ page }) =>
    pages.get(page).evaluate(async () => {
      // Any game: does the picture change? Mean difference of two pictures a second apart.
      const video = document.querySelector("video[data-testid=video]") ?? document.querySelector("video");
      if (!video || video.readyState < 2) return 0;
      const grab = () => {
        const c = document.createElement("canvas");
        c.width = 160;
        c.height = 90;
        const context = c.getContext("2d", { willReadFrequently: true });
        context.drawImage(video, 0, 0, 160, 90);
        return context.getImageData(0, 0, 160, 90).data;
      };
      const a = grab();
      await new Promise((r) => setTimeout(r, 1000));
      const b = grab();
      let changed = 0;
      for (let i = 0; i < a.length; i += 4) if (Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) > 24) changed++;
      return changed / (160 * 90);
    }),
  // latency shows, for every frame that the page puts on screen, how old its time code is.
  latency: ({ page, seconds }) =>
    pages.get(page).evaluate(
      (seconds) =>
        new Promise((done) => {
          const video = document.querySelector("video[data-testid=video]") ?? document.querySelector("video");
          const ages = [];
          const end = performance.now() + seconds * 1000;
          const frame = () => {
            const code = window.e2eRead();
            if (code) ages.push(code.age);
            if (performance.now() < end) video.requestVideoFrameCallback(frame);
            else done(ages);
          };
          video.requestVideoFrameCallback(frame);
        }),
      seconds,
    ),
  shot: ({ page, file }) => pages.get(page).screenshot({ path: file }).then(() => undefined),
  errors: ({ page }) => pages.get(page).errors,
};

const finish = async () => {
  await browser.close();
  process.exit(0);
};

createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const command = JSON.parse(line);
    let answer;
    try {
      answer = { id: command.id, ok: true, value: (await commands[command.do](command)) ?? null };
    } catch (error) {
      answer = { id: command.id, ok: false, error: String(error).split("\n").slice(0, 4).join(" ") };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  })
  .on("close", finish);
process.stdout.write(JSON.stringify({ id: 0, ok: true, value: "ready" }) + "\n");

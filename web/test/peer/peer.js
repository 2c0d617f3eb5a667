// The other end of the page's WebRTC connections in tests: a small game on a canvas with the
// time code of the demo game, offered to watchers and to the player alike.
const canvas = document.getElementById('game');
const paint = canvas.getContext('2d');
// Half the size in each direction: four software encoders run beside everything else.
paint.scale(0.5, 0.5);
const state = { x: 200, y: 500, held: new Set(), applied: 0, player: '', clicks: [] };
window.game = state;

function timecode() {
  const low = Date.now() % 2 ** 28;
  const bits = [1, 0, 1, 0];
  for (let bit = 27; bit >= 0; bit--) bits.push(Math.floor(low / 2 ** bit) % 2);
  bits.forEach((bit, cell) => {
    paint.fillStyle = bit ? '#fff' : '#000';
    paint.fillRect(cell * 16, 0, 16, 16);
    paint.fillStyle = bit ? '#000' : '#fff';
    paint.fillRect(cell * 16, 16, 16, 16);
  });
}

function draw() {
  const t = performance.now() / 1000;
  const sky = paint.createLinearGradient(0, 0, 0, 720);
  sky.addColorStop(0, '#1c2a5e');
  sky.addColorStop(1, '#d9617a');
  paint.fillStyle = sky;
  paint.fillRect(0, 0, 1280, 720);
  paint.fillStyle = '#ffd98a';
  paint.beginPath();
  paint.arc(960, 250, 80, 0, 7);
  paint.fill();
  for (let layer = 0; layer < 3; layer++) {
    paint.fillStyle = ['#5a3b78', '#3d2a5f', '#221a40'][layer];
    for (let i = -1; i < 9; i++) {
      const x = ((i * 220 - t * (20 + layer * 40)) % 1760 + 1760) % 1760 - 220;
      paint.fillRect(x, 380 + layer * 70 + ((i * 53) % 60), 180, 400);
    }
  }
  paint.fillStyle = '#14101f';
  paint.fillRect(0, 620, 1280, 100);
  const speed = 9;
  if (state.held.has('ArrowLeft') || state.held.has('KeyA')) state.x -= speed;
  if (state.held.has('ArrowRight') || state.held.has('KeyD')) state.x += speed;
  state.y = state.held.has('Space') ? Math.max(420, state.y - 12) : Math.min(560, state.y + 12);
  state.x = Math.max(0, Math.min(1220, state.x));
  paint.fillStyle = '#ff7a45';
  paint.fillRect(state.x, state.y, 60, 60);
  paint.fillStyle = '#fff';
  paint.fillRect(state.x + 36, state.y + 14, 12, 12);
  paint.font = '26px sans-serif';
  paint.fillText(`player: ${state.player || 'nobody'}   keys: ${[...state.held].join(' ') || 'none'}`, 24, 690);
  timecode();
}
setInterval(draw, 1000 / 30);

const stream = canvas.captureStream(30);
let audio = null;
const sound = new AudioContext();
const tone = sound.createOscillator();
const gain = sound.createGain();
gain.gain.value = 0.02;
const out = sound.createMediaStreamDestination();
tone.connect(gain).connect(out);
tone.start();
audio = out.stream.getAudioTracks()[0];

const peers = new Map();
const link = new WebSocket(`ws://${location.host}/peer-link`);
const say = (message) => link.send(JSON.stringify(message));

link.onmessage = async ({ data }) => {
  const ask = JSON.parse(data);
  if (ask.kind === 'close') {
    peers.get(ask.id)?.close();
    return;
  }
  if (ask.kind === 'tell') {
    peers.get(ask.id)?.messages?.send(JSON.stringify({ hotseat: 'disconnect', reason: ask.reason }));
    return;
  }
  const peer = new RTCPeerConnection();
  peers.set(ask.id, peer);
  peer.ondatachannel = ({ channel }) => {
    if (channel.label === 'clientMessageChannel') peer.messages = channel;
    if (channel.label !== 'inputChannel') return;
    state.player = ask.name;
    state.applied = 0;
    channel.onmessage = ({ data: text }) => input(JSON.parse(text));
    channel.onclose = () => {
      state.held.clear();
      if (state.player === ask.name) state.player = '';
      say({ kind: 'closed', id: ask.id });
    };
  };
  await peer.setRemoteDescription({ type: 'offer', sdp: ask.sdp });
  for (const track of [...stream.getVideoTracks(), audio]) peer.addTrack(track, stream);
  await peer.setLocalDescription();
  while (peer.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 5));
  say({ kind: 'answer', id: ask.id, sdp: peer.localDescription.sdp });
};

function input(message) {
  for (const [n, kind, a, b] of message.events) {
    if (n <= state.applied) continue;
    state.applied = n;
    if (kind === 'kd') state.held.add(a);
    if (kind === 'ku') state.held.delete(a);
    if (kind === 'm') state.pointer = [a, b];
    if (kind === 'bd') state.clicks.push([a, ...(state.pointer ?? [])]);
  }
  if (message.n >= state.applied) state.held = new Set(message.held);
}

/**
 * Reads the time that the demo game draws into its picture, to measure how old a frame is
 * when it is shown. Used by tests and by the debug overlay only.
 *
 * At the top left of the 1280x720 picture stand two rows of 32 cells of 16x16 pixels,
 * white = 1. Row 0: cells 0-3 are white, black, white, black; cells 4-31 are the low 28
 * bits of Unix milliseconds, most significant first. Row 1 is the complement of row 0: a
 * torn or blurred picture does not match and is not read.
 */

export const CELLS = 32;
export const CELL_PIXELS = 16;
const BITS = 28;
/** 2^28 ms are about 74 hours: a frame is never that old. */
const WRAP = 2 ** BITS;

/** Brightness (0-255) of each cell, row by row, to time; null when it is no time code. */
export function decodeCells(top: readonly number[], bottom: readonly number[], now: number): number | null {
  let low = 0;
  for (let cell = 0; cell < CELLS; cell++) {
    const a = top[cell];
    const b = bottom[cell];
    // Half of the range between the rows: compression blurs, but never that much.
    if (a === undefined || b === undefined || Math.abs(a - b) < 96) return null;
    const bit = a > b ? 1 : 0;
    if (cell < 4) {
      if (bit !== (cell + 1) % 2) return null;
    } else {
      low = low * 2 + bit;
    }
  }
  return nearest(low, now);
}

/** The bits of row 0 for a time: for tests and for the stand-in game. */
export function encodeCells(ms: number): number[] {
  const low = ((ms % WRAP) + WRAP) % WRAP;
  const bits = [1, 0, 1, 0];
  for (let bit = BITS - 1; bit >= 0; bit--) bits.push(Math.floor(low / 2 ** bit) % 2);
  return bits;
}

/** The time closest to `now` with these low bits. */
function nearest(low: number, now: number): number {
  const distance = (((low - now) % WRAP) + WRAP + WRAP / 2) % WRAP;
  return now + distance - WRAP / 2;
}

let context: CanvasRenderingContext2D | null = null;

/**
 * Reads the frame that the video shows now. `ms` is Unix milliseconds (the full number, put
 * together from the 28 bits and the clock), so `Date.now() - ms` is the age of the frame.
 */
export function readTimecode(video: HTMLVideoElement): { ms: number } | null {
  if (video.videoWidth === 0 || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null;
  const width = CELLS * CELL_PIXELS;
  const height = 2 * CELL_PIXELS;
  if (!context) {
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    context = canvas.getContext('2d', { willReadFrequently: true });
    if (!context) return null;
  }
  const scale = video.videoWidth / 1280;
  context.drawImage(video, 0, 0, width * scale, height * scale, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const row = (y: number) =>
    Array.from({ length: CELLS }, (_, cell) => data[(y * width + cell * CELL_PIXELS + CELL_PIXELS / 2) * 4 + 1] ?? 0);
  const ms = decodeCells(row(CELL_PIXELS / 2), row(CELL_PIXELS + CELL_PIXELS / 2), Date.now());
  return ms === null ? null : { ms };
}

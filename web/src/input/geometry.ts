/** Where the picture lies inside its element, and which game pixel a point of the page is. */

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The part of the element that `object-fit: contain` covers: the rest is letterbox. */
export function pictureBox(element: Box, picture: Size): Box {
  if (picture.width <= 0 || picture.height <= 0) return element;
  const scale = Math.min(element.width / picture.width, element.height / picture.height);
  const width = picture.width * scale;
  const height = picture.height * scale;
  return {
    left: element.left + (element.width - width) / 2,
    top: element.top + (element.height - height) / 2,
    width,
    height,
  };
}

/** A point of the page to game pixels, kept inside the picture. */
export function toGamePixels(x: number, y: number, element: Box, game: Size): { x: number; y: number } {
  const box = pictureBox(element, game);
  const inside = (value: number, start: number, length: number, pixels: number) =>
    length <= 0 ? 0 : Math.max(0, Math.min(pixels - 1, Math.floor(((value - start) / length) * pixels)));
  return {
    x: inside(x, box.left, box.width, game.width),
    y: inside(y, box.top, box.height, game.height),
  };
}

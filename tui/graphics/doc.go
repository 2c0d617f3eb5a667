// Package graphics draws pictures in terminals: by Kitty's graphics protocol, as sixels, or as half blocks,
// which are ordinary text.
//
// It turns an image into bytes and knows nothing of who draws them, when, or what is on the picture. What
// it makes is bounded by the cells that are asked for, never by the image, which comes from outside.
//
// The three differ in how they live with a renderer that writes only the cells that have changed:
//
//   - Stream.Blocks makes lines of text, which the renderer treats as any other.
//   - Kitty makes lines of text too (placeholders that the terminal fills with the picture), and besides a
//     transmission, which is written once and past the renderer, before the lines are drawn.
//   - Sixel makes one string for the place of the cursor, past the renderer; the cells below it must stay
//     as they are. At writes it to its place and brings the cursor back.
package graphics

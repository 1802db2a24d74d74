// A QR code on a canvas: black on white in any theme, since readers expect that.

import encodeQR from "qr";

const DOTS = 4;
const BORDER = 4;

/**
 * Draw the code of a text.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {string} text
 */
export function drawQr(canvas, text) {
  const rows = encodeQR(text, "raw", { ecc: "low", border: BORDER });
  canvas.width = canvas.height = rows.length * DOTS;
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#000";
  rows.forEach((row, y) => row.forEach((isDark, x) => {
    if (isDark) pen.fillRect(x * DOTS, y * DOTS, DOTS, DOTS);
  }));
}

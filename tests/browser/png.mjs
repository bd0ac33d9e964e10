// Screenshots as small PNGs, with a palette of the 256 commonest colours. Other colours become the nearest one of them.
import { deflateSync } from "node:zlib";

// returns the pixels of a screenshot, decoded by the browser
async function pixels(page, screenshot) {
  const [width, height, text] = await page.evaluate(async (base64) => {
    const image = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (one) => one.charCodeAt(0))]));
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    let text = "";
    for (let at = 0; at < data.length; at += 32768) text += String.fromCharCode(...data.subarray(at, at + 32768));
    return [image.width, image.height, btoa(text)];
  }, screenshot.toString("base64"));
  return { width, height, data: Buffer.from(text, "base64") };
}

function crc(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name), data]), frame = Buffer.alloc(body.length + 8);
  frame.writeUInt32BE(data.length);
  body.copy(frame, 4);
  frame.writeUInt32BE(crc(body), body.length + 4);
  return frame;
}

export async function small(page, screenshot) {
  const { width, height, data } = await pixels(page, screenshot);
  const colours = new Map();
  const colour = (at) => data.readUIntBE(at * 4, 3);
  for (let at = 0; at < width * height; at += 1) colours.set(colour(at), (colours.get(colour(at)) ?? 0) + 1);
  const palette = [...colours].sort(([, one], [, other]) => other - one).slice(0, 256).map(([value]) => value);
  const channels = (value) => [value >> 16, (value >> 8) & 255, value & 255];
  const far = (one, other) => channels(one).reduce((sum, channel, at) => sum + (channel - channels(other)[at]) ** 2, 0);
  const nearest = new Map(palette.map((value, index) => [value, index]));
  for (const value of colours.keys()) {
    if (nearest.has(value)) continue;
    let best = 0;
    palette.forEach((known, index) => { if (far(value, known) < far(value, palette[best])) best = index; });
    nearest.set(value, best);
  }
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) rows[y * (width + 1) + x + 1] = nearest.get(colour(y * width + x));
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(palette.flatMap(channels))),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

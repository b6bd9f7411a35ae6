// A few shapes as SVG text, enough for the plots of a report: no library, no script, readable on light and dark ground.
export type Point = readonly [x: number, y: number];

const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
const short = (value: number): string => String(Number(value.toFixed(2)));

export function picture(width: number, height: number, title: string, shapes: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="sans-serif" font-size="11"><title>${escaped(title)}</title><rect width="${width}" height="${height}" fill="#fff"/>${shapes.join('')}</svg>`;
}

export const line = (points: readonly Point[], colour: string): string =>
  `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${points.map(([x, y]) => `${short(x)},${short(y)}`).join(' ')}"/>`;

export const box = (x: number, y: number, width: number, height: number, colour: string): string =>
  `<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="${colour}"/>`;

export const label = (
  x: number,
  y: number,
  text: string,
  anchor: 'start' | 'middle' | 'end' = 'start',
  colour = '#333',
): string =>
  `<text x="${short(x)}" y="${short(y)}" text-anchor="${anchor}" fill="${colour}">${escaped(text)}</text>`;

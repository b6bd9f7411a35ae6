// The smallest rectangle around points, at any angle: convex hull (Andrew's monotone chain), then one side of the rectangle lies on
// an edge of the hull (Freeman and Shapira 1975). text-boxes leans on it.
export type Point = readonly [x: number, y: number];
/** Clockwise on a screen, from the corner at the top left. */
export type Corners = readonly [Point, Point, Point, Point];

export interface Rectangle {
  readonly centre: Point;
  /** Unit vector along `length`. */
  readonly along: Point;
  readonly length: number;
  readonly breadth: number;
}

export function smallestRectangle(points: readonly Point[]): Rectangle {
  const hull = convexHull(points);
  let best: Rectangle | undefined;
  for (let i = 0; i < hull.length; i++) {
    const [x0, y0] = hull[i] as Point;
    const [x1, y1] = hull[(i + 1) % hull.length] as Point;
    const edge = Math.hypot(x1 - x0, y1 - y0) || 1;
    const along: Point = hull.length < 2 ? [1, 0] : [(x1 - x0) / edge, (y1 - y0) / edge];
    const candidate = around(hull, along);
    if (!best || candidate.length * candidate.breadth < best.length * best.breadth) best = candidate;
  }
  return best ?? { centre: [0, 0], along: [1, 0], length: 0, breadth: 0 };
}

function around(points: readonly Point[], [ux, uy]: Point): Rectangle {
  let [lowU, highU, lowV, highV] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [x, y] of points) {
    const u = x * ux + y * uy;
    const v = y * ux - x * uy;
    lowU = Math.min(lowU, u);
    highU = Math.max(highU, u);
    lowV = Math.min(lowV, v);
    highV = Math.max(highV, v);
  }
  const [u, v] = [(lowU + highU) / 2, (lowV + highV) / 2];
  return {
    centre: [u * ux - v * uy, u * uy + v * ux],
    along: [ux, uy],
    length: highU - lowU,
    breadth: highV - lowV,
  };
}

/** Grown by `by` on every side. */
export function cornersOf(
  { centre: [x, y], along: [ux, uy], length, breadth }: Rectangle,
  by: number,
): Corners {
  const [a, b] = [length / 2 + by, breadth / 2 + by];
  const corner = (u: number, v: number): Point => [x + u * ux - v * uy, y + u * uy + v * ux];
  const corners = [corner(-a, -b), corner(a, -b), corner(a, b), corner(-a, b)];
  // The two on the left, the upper one first, then round: text is read from there.
  const [first, second, third, fourth] = corners.toSorted((p, q) => p[0] - q[0]) as [
    Point,
    Point,
    Point,
    Point,
  ];
  const [topLeft, bottomLeft] = first[1] <= second[1] ? [first, second] : [second, first];
  const [topRight, bottomRight] = third[1] <= fourth[1] ? [third, fourth] : [fourth, third];
  return [topLeft, topRight, bottomRight, bottomLeft];
}

function convexHull(points: readonly Point[]): Point[] {
  const sorted = points.toSorted((p, q) => p[0] - q[0] || p[1] - q[1]);
  if (sorted.length < 3) return sorted;
  const half = (ordered: readonly Point[]): Point[] => {
    const chain: Point[] = [];
    for (const point of ordered) {
      while (chain.length >= 2 && turn(chain.at(-2) as Point, chain.at(-1) as Point, point) <= 0) chain.pop();
      chain.push(point);
    }
    chain.pop();
    return chain;
  };
  const hull = [...half(sorted), ...half(sorted.toReversed())];
  return hull.length > 0 ? hull : sorted.slice(0, 1);
}

const turn = (a: Point, b: Point, c: Point): number =>
  (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

// Pearson's correlation of two columns that stream by, in one pass (Welford's recurrence for the sums of products). A feature that
// follows the number to be learned to the last digit is that number in another unit; the survey of a table asks.

export class Correlation {
  private count = 0;
  private meanX = 0;
  private meanY = 0;
  private squaresX = 0;
  private squaresY = 0;
  private products = 0;

  /** Pairs with a value that is no finite number do not count. */
  add(x: number, y: number): void {
    if (!Number.isFinite(x) || !Number.isFinite(y)) return;
    this.count++;
    const [awayX, awayY] = [x - this.meanX, y - this.meanY];
    this.meanX += awayX / this.count;
    this.meanY += awayY / this.count;
    this.squaresX += awayX * (x - this.meanX);
    this.squaresY += awayY * (y - this.meanY);
    this.products += awayX * (y - this.meanY);
  }

  /** -1 to 1; 0 where a column is constant. */
  get value(): number {
    const scale = Math.sqrt(this.squaresX * this.squaresY);
    return scale === 0 ? 0 : this.products / scale;
  }
}

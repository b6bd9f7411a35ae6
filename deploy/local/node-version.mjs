// @ts-check
// Imported first by what people run: an older Node would fail later, with words that do not help.
const FLOOR = [20, 19];

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const [floorMajor = 0, floorMinor = 0] = FLOOR;
if (major < floorMajor || (major === floorMajor && minor < floorMinor)) {
  process.stderr.write(
    `Massif needs Node ${FLOOR.join('.')} or newer; this is ${process.versions.node}. Install one from nodejs.org.\n`,
  );
  process.exit(1);
}

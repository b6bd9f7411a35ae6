// Pictures with their classes, whatever they were stored in: all of one size, bytes per pixel channel, streamed. Preparation of
// images asks; IDX files, folders and packages come through here.
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PNG } from 'pngjs';
import { dataRefusal } from './data-refusal.js';
import { idxItems } from './idx.js';
import { resized } from './resize.js';
import { tarFiles } from './tar.js';

export interface Picture {
  /** For messages. */
  readonly at: string;
  /** Channels, rows, columns, as models take them. */
  readonly pixels: Uint8Array;
  readonly label: string;
}

export interface ImageSource {
  readonly name: string;
  shape(): Promise<readonly [channels: number, height: number, width: number]>;
  read(): AsyncGenerator<readonly Picture[]>;
}

type Bytes = () => AsyncIterable<Uint8Array>;

export function idxImages(name: string, images: Bytes, labels: Bytes): ImageSource {
  return {
    name,
    async shape() {
      for await (const header of idxItems(name, images())) {
        if (header instanceof Uint8Array || header.itemShape.length !== 2) break;
        return [1, header.itemShape[0] ?? 0, header.itemShape[1] ?? 0];
      }
      throw dataRefusal(name, 'its items are not pictures of rows and columns.');
    },
    async *read() {
      const classes = idxItems(`${name} (labels)`, labels());
      let item = 0;
      for await (const pixels of idxItems(name, images())) {
        const { value: label } = await classes.next();
        if (!(pixels instanceof Uint8Array)) {
          const counts = [pixels.count, label instanceof Uint8Array ? -1 : (label?.count ?? -1)];
          if (counts[0] !== counts[1])
            throw dataRefusal(name, `there are ${counts[0]} pictures and ${counts[1]} labels.`);
          continue;
        }
        item++;
        if (!(label instanceof Uint8Array)) throw dataRefusal(`${name} item ${item}`, 'it has no label.');
        yield [{ at: `${name} item ${item}`, pixels, label: String(label[0]) }];
      }
    },
  };
}

export interface FolderOptions {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
}

/** One folder a class, PNG files in them. Pictures of other sizes are resized. */
export function folderImages(folder: string, { height, width, channels }: FolderOptions): ImageSource {
  const name = basename(folder);
  return {
    name,
    shape: () => Promise.resolve([channels, height, width] as const),
    async *read() {
      const classes = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
      for (const { name: label } of classes.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
        const files = (await readdir(join(folder, label))).filter((file) => /\.png$/i.test(file)).toSorted();
        if (files.length === 0) throw dataRefusal(`${name}/${label}`, 'there is no PNG file in this class.');
        for (const file of files) {
          const at = `${name}/${label}/${file}`;
          const picture = readPng(at, await readFile(join(folder, label, file)));
          yield [{ at, label, pixels: resized(picture, channels, height, width) }];
        }
      }
    },
  };
}

/** The same folders in a tar file; `./` and folders around them are left out, what hides or is no picture is skipped. */
export function tarImages(name: string, bytes: Bytes, options: FolderOptions): ImageSource {
  const { height, width, channels } = options;
  return {
    name,
    shape: () => Promise.resolve([channels, height, width] as const),
    async *read() {
      let found = 0;
      for await (const { path, content } of tarFiles(name, bytes())) {
        const [label, file] = path.split('/').slice(-2);
        if (label === undefined || file === undefined || file.startsWith('.') || !/\.png$/i.test(file))
          continue;
        found++;
        const picture = readPng(`${name}/${path}`, content);
        yield [{ at: `${name}/${path}`, label, pixels: resized(picture, channels, height, width) }];
      }
      if (found === 0)
        throw dataRefusal(name, 'it holds no PNG file in a folder: one folder a class is what is read.');
    },
  };
}

/** A picture of a few bytes may claim to be as large as a house. */
const PICTURE_PIXELS_MAX = 64_000_000;

function readPng(at: string, bytes: Buffer): { data: Uint8Array; width: number; height: number } {
  // Width and height of the first chunk, IHDR.
  if (bytes.length >= 24 && bytes.readUInt32BE(16) * bytes.readUInt32BE(20) > PICTURE_PIXELS_MAX)
    throw dataRefusal(at, `it says to have ${bytes.readUInt32BE(16)} x ${bytes.readUInt32BE(20)} pixels.`);
  try {
    return PNG.sync.read(bytes);
  } catch (error) {
    throw dataRefusal(at, `this is no readable PNG file: ${(error as Error).message}.`, error);
  }
}

/** Pictures that are in memory already. */
export function listImages(
  name: string,
  shape: readonly [number, number, number],
  pictures: () => Iterable<Picture>,
): ImageSource {
  return {
    name,
    shape: () => Promise.resolve(shape),
    // oxlint-disable-next-line require-await -- a source is read with for await
    async *read() {
      for (const picture of pictures()) yield [picture];
    },
  };
}

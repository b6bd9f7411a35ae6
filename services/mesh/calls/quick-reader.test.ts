import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type NatsServer, startNats } from '../../../deploy/local/nats.js';
import { type Random, seededRandom } from '../random.js';
import { headerBlock, headerLine, headerText } from '../header-block.js';
import { type ClientParser, QuickReader, readQuickly } from './quick-reader.js';

let dir: string;
let nats: NatsServer;
let nc: NatsConnection;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-quick-reader-'));
  nats = await startNats({ dir, region: 'east' });
  nc = await connect({ servers: nats.url, reconnectTimeWait: 20 });
});
afterAll(async () => {
  await nc?.close();
  await nats?.stop();
  await rm(dir, { recursive: true, force: true });
});

type Pushed = Parameters<ClientParser['dispatcher']['push']>[0];

/** A parser of the client's own, and what it hands on. */
function clientParser(): { readonly parser: ClientParser; readonly heard: string[] } {
  const heard: string[] = [];
  const told = ({ kind, msg, data }: Partial<Pushed>): string => {
    const text = (bytes?: Uint8Array): string => (bytes ? Buffer.from(bytes).toString('latin1') : '');
    return JSON.stringify([
      kind,
      msg && [text(msg.subject), msg.sid, text(msg.reply), msg.hdr, msg.size],
      text(data),
    ]);
  };
  const { parser } = (nc as unknown as { protocol: { parser: ClientParser } }).protocol;
  const Parser = parser.constructor as new (dispatcher: ClientParser['dispatcher']) => ClientParser;
  return { parser: new Parser({ push: (one) => void heard.push(told(one)) }), heard };
}

function operation(random: Random): string {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const subject = pick(['massif.run.a', 'massif.run.a', 'massif.run.b', 'x']);
  const sid = pick([1, 1, 12]);
  const reply = pick(['_INBOX.a.1 ', '_INBOX.a.22 ', '17 ', '']);
  const body = pick(['', 'b', '\r\n', 'HMSG x 1 2 2\r\n', 'z'.repeat(400), 'l'.repeat(20_000)]);
  const block = pick(['NATS/1.0\r\n\r\n', 'NATS/1.0\r\nA: 1\r\n\r\n']);
  const roll = random();
  if (roll < 0.1) return pick(['PING\r\n', 'PONG\r\n', '+OK\r\n', 'INFO {"a":1}\r\n', "-ERR 'x'\r\n"]);
  if (roll < 0.2) return `MSG ${subject} ${sid} ${reply}${body.length}\r\n${body}\r\n`;
  const gap = random() < 0.05 ? '  ' : ' ';
  return `HMSG ${subject}${gap}${sid} ${reply}${block.length} ${block.length + body.length}\r\n${block}${body}\r\n`;
}

test.each([1, 2, 3, 4, 5, 6])(
  'what comes is handed on as the client would, wherever one read ends and the next begins: seed %i',
  (seed) => {
    const random = seededRandom(seed);
    const stream = Buffer.from(Array.from({ length: 600 }, () => operation(random)).join(''), 'latin1');
    const alone = clientParser();
    alone.parser.parse(stream);
    expect(alone.heard).toHaveLength(600);
    const quick = clientParser();
    const past: number[] = [];
    const parse = quick.parser.parse.bind(quick.parser);
    quick.parser.parse = (bytes) => {
      past.push(bytes.length);
      parse(bytes);
    };
    const reader = new QuickReader(quick.parser);
    const longest = [7, 100, 2_000, 60_000][seed % 4] as number;
    for (let at = 0; at < stream.length;) {
      const end = at + 1 + Math.floor(random() * longest);
      reader.parse(stream.subarray(at, end));
      at = end;
    }
    expect(quick.heard).toEqual(alone.heard);
    if (longest === 2_000) expect(past.reduce((a, b) => a + b, 0)).toBeLessThan(stream.length);
  },
);

test('messages of ordinary sizes never come to the client in one read or in two', () => {
  const { parser, heard } = clientParser();
  parser.parse = () => expect.unreachable('everything is read before');
  const message = 'HMSG massif.run.a 3 _INBOX.a.1 12 15\r\nNATS/1.0\r\n\r\nabc\r\n';
  const stream = Buffer.from(message.repeat(3));
  for (let cut = message.length + 5; cut < 2 * message.length; cut++) {
    const reader = new QuickReader(parser);
    reader.parse(stream.subarray(0, cut));
    reader.parse(stream.subarray(cut));
  }
  expect(new Set(heard).size).toBe(1);
  expect(heard).toHaveLength(3 * (message.length - 5));
});

test('a line that never ends goes to the client, who knows what to do', () => {
  const { parser } = clientParser();
  const reader = new QuickReader(parser);
  const line = Buffer.from(`HMSG ${'s'.repeat(3_000)}`);
  for (let at = 0; at < line.length; at += 100) reader.parse(line.subarray(at, at + 100));
  expect(parser.state).not.toBe(0);
});

test('a connection goes on when its server comes back', async () => {
  readQuickly(nc);
  const heard: string[] = [];
  nc.subscribe('again', { callback: (_, m: Msg) => void heard.push(headerText(m)) });
  const say = async (n: number): Promise<void> => {
    nc.publish('again', new Uint8Array(9), { headers: headerBlock(headerLine('N', n)), reply: 'to.me' });
    await nc.flush();
  };
  await say(1);
  await nc.reconnect();
  for await (const { type } of nc.status()) if (type === 'reconnect') break;
  await say(2);
  expect(heard).toEqual([1, 2].map((n) => `NATS/1.0\r\nN: ${n}\r\n\r\n`));
});

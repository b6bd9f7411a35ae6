// Mails through a real SMTP server with passwords, over TLS with a certificate of its own, and the signature of webhooks.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SMTPServer } from 'smtp-server';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AlertNotification } from '../../../contracts/alert.js';
import { subjectOf } from './email.js';
import { senderOf, signed } from './send.js';

interface Mail {
  readonly to: readonly string[];
  readonly text: string;
}

let dir: string;
let server: SMTPServer;
let mails: Mail[];
let refused: Set<string>;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-mail-'));
  await writeFile(join(dir, 'password'), 'secret word\n');
  [mails, refused] = [[], new Set()];
  server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) =>
      username === 'auditor' && password === 'secret word'
        ? done(null, { user: username })
        : done(new Error('wrong password')),
    onRcptTo: ({ address }, _session, done) =>
      refused.has(address) ? done(new Error('no such mailbox')) : done(),
    onData: (stream, { envelope }, done) => {
      let text = '';
      stream.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
      stream.on('end', () => {
        mails.push({ to: envelope.rcptTo.map(({ address }) => address), text: text.replaceAll('=\r\n', '') });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await new Promise<void>((resolve) => server.close(resolve));
  await rm(dir, { recursive: true, force: true });
});

type Told = AlertNotification['alerts'][number];
const alert = (model: string, owners: string[], more: Partial<Told> = {}): Told => ({
  id: '0123456789abcdef',
  kind: 'verdict.abnormal',
  about: 'v1',
  model,
  severity: 'critical',
  summary: `${model} 2: three broken answers`,
  evidence: { version: 'v1' },
  requestIds: ['r-1'],
  next: 'Look at massif history.',
  runbook: 'deploy/runbooks/verdicts.md',
  firstAt: '2026-01-01T00:00:00.000Z',
  lastAt: '2026-01-01T00:00:05.000Z',
  times: 2,
  told: {},
  owners,
  ...more,
});
const notification = (...alerts: Told[]): AlertNotification => ({
  receiver: 'mail',
  at: '2026-01-01T00:00:06.000Z',
  alerts,
  more: 0,
});
const sender = (more: object = {}) => {
  const { port } = server.server.address() as AddressInfo;
  return senderOf('mail', {
    type: 'email',
    url: `smtp://auditor@127.0.0.1:${port}`,
    passwordFile: join(dir, 'password'),
    from: 'massif@example.org',
    to: ['team@example.org'],
    owners: true,
    ...more,
  });
};

test('the team gets one mail with everything, an owner one with the own model alone', async () => {
  const send = await sender();
  await send(
    notification(alert('ocr', ['ada@example.org', 'the night shift']), alert('vad', ['bob@example.org'])),
  );
  expect(mails.map(({ to }) => to)).toEqual([['team@example.org'], ['ada@example.org'], ['bob@example.org']]);
  const [team, ada] = mails;
  expect(team?.text).toContain('Subject: [massif critical] ocr 2: three broken answers (and 1 more)');
  expect(team?.text).toContain('vad 2: three broken answers');
  expect(ada?.text).not.toContain('vad');
  for (const line of [
    'Requests: r-1',
    'Next: Look at massif history.',
    'Runbook: deploy/runbooks/verdicts.md',
  ])
    expect(ada?.text).toContain(line);
});

test('a mail that the server does not take is an error, and the same news bears the same id when it comes again', async () => {
  const send = await sender();
  refused.add('ada@example.org');
  await expect(send(notification(alert('ocr', ['ada@example.org'])))).rejects.toThrow('no such mailbox');
  refused.clear();
  await send(notification(alert('ocr', ['ada@example.org'])));
  const ids = mails
    .filter(({ to }) => to.includes('team@example.org'))
    .map(({ text }) => /^Message-ID: (.*)$/m.exec(text)?.[1]);
  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(1);
});

test('a wrong password is an error, and a missing file ends the auditor before it starts', async () => {
  await writeFile(join(dir, 'password'), 'another');
  const send = await sender();
  await expect(send(notification(alert('ocr', [])))).rejects.toThrow(/auth|login/i);
  expect(mails).toEqual([]);
  await expect(sender({ passwordFile: join(dir, 'none') })).rejects.toThrow('Receiver "mail" names');
});

test('no line of a summary becomes a header', () => {
  const one = alert('ocr', [], { summary: 'a\r\nBcc: eve@example.org', overAt: '2026-01-01T00:01:00.000Z' });
  expect(subjectOf([one], 0)).toBe('[massif over] a Bcc: eve@example.org');
});

/** Of its own maker, for an address that is not "localhost": what is demanded of servers elsewhere is demanded of it. */
async function selfMade(): Promise<{ key: string; cert: string }> {
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const name = ['-subj', '/CN=mail.example.org', '-addext', `subjectAltName=IP:${ELSEWHERE}`];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  await promisify(execFile)('openssl', ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', cert]);
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
}
const ELSEWHERE = '127.0.0.2';

test.each<[string, object, string]>([
  ['smtp, by STARTTLS', {}, 'smtp'],
  ['smtps, from the start', { secure: true }, 'smtps'],
])(
  'a mail over %s arrives where the certificate is trusted, and nowhere else',
  async (_, options, protocol) => {
    const secured: boolean[] = [];
    const safe = new SMTPServer({
      ...options,
      ...(await selfMade()),
      onAuth: ({ username }, session, done) => {
        secured.push(session.secure);
        done(null, { user: username });
      },
      onData: (stream, _session, done) => {
        stream.resume();
        stream.on('end', () => done());
      },
    });
    safe.on('error', () => undefined); // a client that hangs up at the certificate
    await new Promise<void>((resolve) => safe.listen(0, ELSEWHERE, resolve));
    try {
      const { port } = safe.server.address() as AddressInfo;
      const url = `${protocol}://auditor@${ELSEWHERE}:${port}`;
      const trusting = await sender({ url, caFile: join(dir, 'cert.pem') });
      await trusting(notification(alert('ocr', [])));
      expect(secured).toEqual([true]);
      const other = await sender({ url });
      await expect(other(notification(alert('ocr', [])))).rejects.toThrow(/certificate/i);
      expect(secured).toEqual([true]);
    } finally {
      await new Promise<void>((resolve) => safe.close(resolve));
    }
  },
);

test('to a server elsewhere that has no TLS neither password nor alert is sent', async () => {
  const plain = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    authOptional: true,
    allowInsecureAuth: true,
  });
  await new Promise<void>((resolve) => plain.listen(0, ELSEWHERE, resolve));
  try {
    const { port } = plain.server.address() as AddressInfo;
    const send = await sender({ url: `smtp://auditor@${ELSEWHERE}:${port}` });
    await expect(send(notification(alert('ocr', [])))).rejects.toThrow(/TLS/);
  } finally {
    await new Promise<void>((resolve) => plain.close(resolve));
  }
});

test('a webhook is signed as Standard Webhooks says, with its own example', () => {
  // https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
  const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
  expect(signed('{"test": 2432232314}', key, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330)).toMatchObject({
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

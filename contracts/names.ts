// The names people and services use, and how a name becomes one token of a subject or one part of a KV key.
import { z } from 'zod';

/** `gpt-3.5` is a name people use, so dots are allowed; a subject and a key have their own dots, hence the two encodings below. */
export const ModelName = z.string().regex(/^[A-Za-z0-9][\w.-]{0,127}$/);
export const EndpointName = ModelName;
export const RegionName = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/);
/** A process: `shard-east-1`. One token everywhere. */
export const InstanceName = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/);
/** Any string without `/`, as the Open Inference Protocol has it for versions. */
export const Label = z.string().regex(/^[^\s/]{1,64}$/);
/** Lowercase hexadecimal SHA-256. A version's digest is the root of its signed manifest. */
export const Digest = z.string().regex(/^[0-9a-f]{64}$/);
export type Digest = string;

/** One subject token: dots, wildcards, spaces and percent signs are percent-encoded. */
export const subjectToken = (name: string): string =>
  name.replace(/[.*>%\s]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);

export const fromSubjectToken = (token: string): string =>
  token.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** One part of a KV key: those know no percent sign, so anything unusual becomes `=XX`. */
export const keyPart = (name: string): string =>
  name.replace(/[^A-Za-z0-9_-]/g, (c) =>
    [...new TextEncoder().encode(c)]
      .map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );

/** Short form of a digest for people and for subjects: 48 bits do not collide among the versions of one mesh. */
export const shortDigest = (digest: Digest): string => digest.slice(0, 12);

/** A replica is one version on one shard; its id is also the data subject's last token, whatever process serves it. */
export const replicaId = (shard: string, version: Digest): string => `${shard}_${shortDigest(version)}`;

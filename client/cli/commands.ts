// The commands of `massif`, in the order in which help lists them.
import { alias } from '../commands/alias.js';
import { approve } from '../commands/approve.js';
import { apikeys } from '../commands/apikeys.js';
import { archive } from '../commands/archive.js';
import { audit } from '../commands/audit.js';
import { compress } from '../commands/compress.js';
import { datasets } from '../commands/datasets.js';
import { deploy } from '../commands/deploy.js';
import { doctor } from '../commands/doctor.js';
import { endpoints } from '../commands/endpoints.js';
import { explain } from '../commands/explain.js';
import { history } from '../commands/history.js';
import { infer } from '../commands/infer.js';
import { jobs } from '../commands/jobs.js';
import { keys } from '../commands/keys.js';
import { lineage } from '../commands/lineage.js';
import { links } from '../commands/links.js';
import { models } from '../commands/models.js';
import { pin } from '../commands/pin.js';
import { pipeline } from '../commands/pipeline.js';
import { pipelines } from '../commands/pipelines.js';
import { place } from '../commands/place.js';
import { override } from '../commands/override.js';
import { policy } from '../commands/policy.js';
import { push } from '../commands/push.js';
import { release } from '../commands/release.js';
import { replay } from '../commands/replay.js';
import { samples } from '../commands/samples.js';
import { scale } from '../commands/scale.js';
import { sign } from '../commands/sign.js';
import { split } from '../commands/split.js';
import { status } from '../commands/status.js';
import { tenants } from '../commands/tenants.js';
import { top } from '../commands/top.js';
import { train } from '../commands/train.js';
import { undeploy } from '../commands/undeploy.js';
import { alerts } from '../commands/alerts.js';
import { verdicts } from '../commands/verdicts.js';
import { watch } from '../commands/watch.js';
import type { Command } from './command.js';

export const COMMANDS: readonly Command[] = [
  status,
  doctor,
  top,
  infer,
  explain,
  endpoints,
  deploy,
  undeploy,
  override,
  links,
  scale,
  place,
  pin,
  pipelines,
  pipeline,
  split,
  release,
  models,
  keys,
  sign,
  push,
  approve,
  policy,
  audit,
  watch,
  samples,
  replay,
  verdicts,
  alerts,
  train,
  jobs,
  compress,
  datasets,
  alias,
  archive,
  history,
  lineage,
  apikeys,
  tenants,
];

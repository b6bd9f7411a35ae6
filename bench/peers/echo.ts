// The floor of `bench payload`: a bare NATS responder that gives back what it gets.
import { connect } from '@nats-io/transport-node';

const [url] = process.argv.slice(2);
if (!url) throw new Error('usage: echo.js NATS_URL');
const nc = await connect({ servers: url, noAsyncTraces: true });
nc.subscribe('bench.echo', { callback: (_error, message) => void message.respond(message.data) });
await nc.flush();
process.send?.({ type: 'ready' });
process.on('disconnect', () => process.exit(0));

// The client for other Nest applications: `MassifModule.forRoot({ nats: [...] })` in the imports, then `constructor(private readonly
// massif: MassifClient)` wherever it is needed. The only file of client/ that knows Nest; mod.ts does not lead here.
import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { MassifClient } from './client.js';
import { connect, type ConnectOptions } from './connect.js';

/** For `ClientsModule.register([{ name: 'MASSIF', customClass: BusClient, options: { url } }])`. */
export { BusClient, type BusClientOptions, BusMessage } from '../services/mesh/bus-client.js';
export type { Body } from '../contracts/infer-body.js';
export { decodeInferResponse, encodeInferRequest } from '../contracts/infer-body.js';
export { subjects } from '../contracts/subjects.js';

@Module({})
export class MassifModule implements OnApplicationShutdown {
  /** Connects while the application starts, so that one that cannot reach its models does not become ready. */
  static forRoot(options: ConnectOptions): DynamicModule {
    return {
      module: MassifModule,
      global: true,
      providers: [{ provide: MassifClient, useFactory: () => connect(options) }],
      exports: [MassifClient],
    };
  }

  constructor(@Inject(MassifClient) private readonly client: MassifClient) {}

  async onApplicationShutdown(): Promise<void> {
    await this.client.close();
  }
}

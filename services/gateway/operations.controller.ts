// For those who run the mesh: one page of metrics for the whole region, and a sign of life.
import { Controller, Get, Header, Inject, UseFilters } from '@nestjs/common';
import { HttpFailureFilter } from './http-failure.filter.js';
import { MetricsCollector } from './metrics-collector.js';

@Controller()
@UseFilters(HttpFailureFilter)
export class OperationsController {
  constructor(@Inject(MetricsCollector) private readonly collector: MetricsCollector) {}

  @Get('metrics')
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  metrics(): Promise<string> {
    return this.collector.page();
  }

  @Get('healthz')
  @Header('Content-Type', 'text/plain; charset=utf-8')
  healthz(): string {
    return 'ok\n';
  }
}

// Paths of Triton's extensions that are not offered: a coded "not here" instead of "no such path", so that clients can tell.
import { All, Controller, UseFilters } from '@nestjs/common';
import { failure } from '../../contracts/errors.js';
import { HttpFailureFilter } from './http-failure.filter.js';

@Controller('v2')
@UseFilters(HttpFailureFilter)
export class UnsupportedController {
  @All(['trace/setting', 'models/:model/trace/setting'])
  trace(): never {
    throw failure('UNSUPPORTED', 'Trace settings are not offered: send the header traceparent instead.');
  }

  @All('logging')
  logging(): never {
    throw failure('UNSUPPORTED', 'Log settings are not offered.');
  }

  @All([
    'systemsharedmemory/:verb',
    'systemsharedmemory/region/:region/:verb',
    'cudasharedmemory/:verb',
    'cudasharedmemory/region/:region/:verb',
  ])
  sharedMemory(): never {
    throw failure('UNSUPPORTED', 'Shared memory is not offered: send tensors in the body.');
  }
}

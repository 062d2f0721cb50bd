/** In which form a client wants its answer: from its Accept header to one of the forms that are spoken here. */
import { Refusal } from './status.ts';

export type Form = 'plain' | 'table' | 'metadata';

const FORMS: Record<string, Form> = {
  '': 'plain',
  Table: 'table',
  PartialObjectMetadata: 'metadata',
  PartialObjectMetadataList: 'metadata',
};
const SPOKEN = 'application/json, application/json;as=Table;g=meta.k8s.io;v=v1';

/** The first form asked for that is spoken, as Kubernetes chooses (it ignores q). Undefined: none, answer 406. */
export function formFor(accept: string): Form | undefined {
  if (accept.trim() === '') return 'plain';
  for (const clause of accept.split(',')) {
    const [type = '', ...rest] = clause.split(';').map((part) => part.trim());
    if (type !== 'application/json' && type !== 'application/*' && type !== '*/*') continue;
    const parameters = new Map(rest.map((part) => part.split('=', 2) as [string, string]));
    const as = parameters.get('as') ?? '';
    if (as !== '' && (parameters.get('g') !== 'meta.k8s.io' || parameters.get('v') !== 'v1')) continue;
    const form = FORMS[as];
    if (form) return form;
  }
  return undefined;
}

export const contentTypeOf = (form: Form): string =>
  form === 'table' ? 'application/json;as=Table;v=v1;g=meta.k8s.io' : 'application/json';

export const notAcceptable = (): Refusal =>
  new Refusal({
    code: 406,
    reason: 'NotAcceptable',
    message: `only the following media types are accepted: ${SPOKEN}`,
  });

/**
 * The signature of an ONNX file, read from the file: names, datatypes and shapes of what goes in and comes out. The file
 * is walked field by field and weights are skipped by seeking, so gigabytes cost a few reads, and nothing of it is run.
 */
import { PbfReader } from 'pbf';
import type { OpenArtifact } from '../../platform/artifacts/port.ts';
import type { SignatureValue, TensorValue } from './tables.ts';

/** ONNX element types as Open Inference Protocol v2 datatypes. */
const DATATYPES: Record<number, string> = {
  1: 'FP32',
  2: 'UINT8',
  3: 'INT8',
  4: 'UINT16',
  5: 'INT16',
  6: 'INT32',
  7: 'INT64',
  8: 'BYTES',
  9: 'BOOL',
  10: 'FP16',
  11: 'FP64',
  12: 'UINT32',
  13: 'UINT64',
  16: 'BF16',
};

export class NotOnnx extends Error {}

interface Span {
  start: number;
  end: number;
}

/** Throws `NotOnnx` with what is wrong, in words for the person who sent the file. */
export async function readOnnxSignature(file: OpenArtifact): Promise<SignatureValue> {
  if (file.sizeBytes === 0) throw new NotOnnx('the file is empty');
  const graphs: Span[] = [];
  let irVersion = false;
  for await (const field of fieldsOf(file, { start: 0, end: file.sizeBytes })) {
    if (field.number === 1 && field.wire === 0) irVersion = true;
    if (field.number === 7 && field.span) graphs.push(field.span);
  }
  const [graph] = graphs;
  if (!irVersion || !graph || graphs.length > 1) throw new NotOnnx('it has no ONNX graph');
  return readGraph(file, graph);
}

async function readGraph(file: OpenArtifact, graph: Span): Promise<SignatureValue> {
  const inputs: TensorValue[] = [];
  const outputs: TensorValue[] = [];
  const weights = new Set<string>();
  let count = 0;
  for await (const field of fieldsOf(file, graph)) {
    if (!field.span) continue;
    if (field.number === 11) {
      const { value, isServed } = await readTensor(file, field.span);
      if (!isServed) throw new NotOnnx(`"${value.name}" is not a tensor of a type that can be served`);
      inputs.push(value);
    }
    if (field.number === 12) {
      const { value, isServed } = await readTensor(file, field.span);
      count++;
      // The model server leaves it out too: scikit-learn's converter makes maps of the probabilities by default.
      if (isServed) outputs.push(value);
    }
    if (field.number === 5) weights.add(await nameOfWeight(file, field.span));
  }
  if (count === 0) throw new NotOnnx('its graph has no outputs');
  if (outputs.length === 0)
    throw new NotOnnx('none of its outputs is a tensor that can be served (with skl2onnx: convert with zipmap=False)');
  // Before IR version 4 every weight was listed as an input too.
  return { inputs: inputs.filter(({ name }) => !weights.has(name)), outputs };
}

const EXTERNAL = 1;

async function nameOfWeight(file: OpenArtifact, tensor: Span): Promise<string> {
  let name = '';
  for await (const field of fieldsOf(file, tensor)) {
    if (field.number === 8 && field.span) name = (await bytes(file, field.span, 4096)).toString('utf8');
    // Its bytes are here: what stands behind them would cost another read for each weight.
    if (field.number === 9 && field.span && field.span.end > field.span.start && name !== '') return name;
    // Nothing but this one file comes to whoever serves it.
    if (field.number === 14 && field.value === EXTERNAL)
      throw new NotOnnx(
        'its weights are in another file; save it as one (below 2 GB: onnx.save without external data)',
      );
  }
  return name;
}

async function readTensor(file: OpenArtifact, span: Span): Promise<{ value: TensorValue; isServed: boolean }> {
  const read = { name: '', element: 0, shape: [] as number[] };
  new PbfReader(await bytes(file, span, 1 << 20)).readFields((tag, v, pbf) => {
    if (tag === 1) v.name = pbf.readString();
    else if (tag === 2) pbf.readMessage(readType, v);
  }, read);
  const { name, element, shape } = read;
  const datatype = DATATYPES[element];
  return { value: { name, datatype: datatype ?? '', shape }, isServed: datatype !== undefined };
}

type Partial = { name: string; element: number; shape: number[] };

function readType(tag: number, value: Partial | undefined, pbf: PbfReader): void {
  if (tag === 1 && value) pbf.readMessage(readTensorType, value);
}

function readTensorType(tag: number, value: Partial | undefined, pbf: PbfReader): void {
  if (!value) return;
  if (tag === 1) value.element = pbf.readVarint();
  else if (tag === 2) pbf.readMessage(readShape, value);
}

function readShape(tag: number, value: Partial | undefined, pbf: PbfReader): void {
  if (tag !== 1 || !value) return;
  const dimension = { size: -1 };
  pbf.readMessage((inner, d, p) => {
    if (inner === 1 && d) d.size = p.readVarint(true);
  }, dimension);
  value.shape.push(dimension.size);
}

async function bytes(file: OpenArtifact, { start, end }: Span, limit: number): Promise<Buffer> {
  if (end - start > limit) throw new NotOnnx('a description in it is far too long');
  const buffer = await file.read(start, end - start);
  if (buffer.length < end - start) throw new NotOnnx('the file ends too early');
  return buffer;
}

interface Field {
  number: number;
  wire: number;
  value?: number;
  span?: Span;
}

const WINDOW = 64 * 1024;

/** The fields of one message, without reading what they hold. */
async function* fieldsOf(file: OpenArtifact, message: Span): AsyncGenerator<Field> {
  let window: Buffer = Buffer.alloc(0);
  let from = 0;
  let at = message.start;

  async function varint(): Promise<number> {
    let value = 0;
    for (let shift = 0; shift < 64; shift += 7) {
      if (at >= message.end) throw new NotOnnx('the file ends too early');
      if (at < from || at >= from + window.length) {
        window = await file.read(at, WINDOW);
        if (window.length === 0) throw new NotOnnx('the file ends too early');
        from = at;
      }
      const byte = window[at++ - from] as number;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new NotOnnx('it is not a protocol buffer');
  }

  while (at < message.end) {
    const tag = await varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (number === 0 || number > 10_000) throw new NotOnnx('it is not a protocol buffer');
    if (wire === 0) {
      yield { number, wire, value: await varint() };
    } else if (wire === 2) {
      const length = await varint();
      const span = { start: at, end: at + length };
      if (span.end > message.end) throw new NotOnnx('the file ends too early: it was cut off, or it is not ONNX');
      at = span.end;
      yield { number, wire, span };
    } else if (wire === 1 || wire === 5) {
      at += wire === 1 ? 8 : 4;
      yield { number, wire };
    } else {
      throw new NotOnnx('it is not a protocol buffer');
    }
  }
}

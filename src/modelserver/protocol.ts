/** The words that the parts of the model server share: what a model takes and gives, a request, an answer, a refusal. */
import type { Datatype, Values } from './datatypes.ts';

export interface TensorInfo {
  readonly name: string;
  readonly datatype: Datatype;
  /** -1 for a free dimension. onnxruntime also says [] for an input without a declared shape, so [] checks nothing. */
  readonly shape: readonly number[];
}

export interface ModelInfo {
  readonly name: string;
  readonly version: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
}

export interface NamedTensor {
  readonly info: TensorInfo;
  readonly shape: readonly number[];
  readonly values: Values;
}

/** One inference as it came in, before anything has looked into it. */
export interface RawRequest {
  readonly body: Uint8Array;
  /** `Inference-Header-Content-Length`: the body is so many bytes of JSON and then tensors in the binary form. */
  readonly jsonLength: number | undefined;
  /** Whether to count CPU: reading a thread's CPU clock six times costs as much as five per cent of a small inference. */
  readonly countCpu: boolean;
}

export interface Answer {
  readonly status: number;
  readonly body: string | Uint8Array;
  /** Set when the body is JSON of this length followed by binary tensors. */
  readonly jsonLength?: number;
  /** Milliseconds in onnxruntime; absent when it did not get that far. */
  readonly inferenceMs?: number;
  /**
   * Milliseconds that the answering thread was busy with it, without what other requests did in between: of its CPU where
   * that was to be counted, else of wall time, which is more on a busy machine.
   */
  readonly busyMs: number;
}

/** An answer that is not an inference: its status and one sentence that says what was wrong with what. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const shapeText = (shape: readonly number[]): string => `[${shape.join(',')}]`;

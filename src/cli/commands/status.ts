/** Waits until a deployment is healthy: for pipelines. */
import type { Context } from '../context.ts';
import type { Exit } from '../exit.ts';
import { findDeployment } from '../names.ts';
import { settle } from '../settle.ts';

export async function status(context: Context, [ref = '']: string[]): Promise<Exit> {
  return settle(context, await findDeployment(context, ref));
}

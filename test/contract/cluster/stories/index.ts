/** Every story that is recorded. */
import { deployments, happenings } from './deployments.ts';
import { garbage, namespaces } from './garbage.ts';
import type { Tale } from './story.ts';
import { watching } from './watching.ts';

export const TALES: Readonly<Record<string, Tale>> = { watching, garbage, namespaces, deployments, happenings };

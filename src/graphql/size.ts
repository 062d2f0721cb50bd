/**
 * How many entries a list without pages is taken to have when the gate counts what an operation may cost. Where nothing is
 * said it is ten. It is what such a list has where much is in it, and not the most that it may have: a page of a hundred
 * runs with their metrics is asked for daily, and a run with five hundred of them is rare.
 */
import { Extensions } from 'type-graphql';

export interface Size {
  entries: number;
  /** An argument that says how many: a list that has an answer for each of its items. */
  argument?: string;
}

export const sized = (entries: number, argument?: string): MethodDecorator & PropertyDecorator =>
  Extensions({ size: { entries, ...(argument !== undefined && { argument }) } satisfies Size });

/** Replicas of a deployment, or of one of its revisions. */
export const REPLICAS = 50;

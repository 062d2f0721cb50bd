/** All pages of a list, up to a limit that keeps a forgotten filter from reading a whole database. */
import type { Context } from './context.ts';

/** With a hundred models and their aliases at once the API refuses the question as too large. */
const PAGE = 50;
const MOST = 5_000;

interface Page<Node> {
  nodes: Node[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

export async function all<Node>(
  context: Context,
  read: (page: { first: number; after: string | null }) => Promise<Page<Node> | null | undefined>,
): Promise<Node[]> {
  const nodes: Node[] = [];
  let after: string | null = null;
  for (;;) {
    const page: Page<Node> | null | undefined = await read({ first: PAGE, after });
    if (!page) return nodes;
    nodes.push(...page.nodes);
    if (!page.pageInfo.hasNextPage) return nodes;
    if (nodes.length >= MOST) {
      context.note(`! These are the first ${nodes.length}; narrow the list with --team.`);
      return nodes;
    }
    after = page.pageInfo.endCursor;
  }
}

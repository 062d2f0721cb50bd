/** The tabs that GraphiQL opens with: what people ask first. Each runs as it is; no line is cut off on a phone. */
import type { GraphiqlTab } from '../api/graphiql.ts';

export const GRAPHIQL_TABS: readonly GraphiqlTab[] = [
  {
    query: `# What is served,
# and how releases stand.
query Deployments {
  deployments(first: 10) {
    nodes {
      name
      phase
      endpoint {
        url
      }
      stable {
        version {
          number
        }
        weight
      }
      canary {
        version {
          number
        }
        weight
        observedShare
      }
      rollout {
        phase
        message
        allowed
      }
    }
  }
}
`,
  },
  {
    query: `# Models, their versions,
# their replicas.
query Models {
  models(first: 10) {
    nodes {
      name
      aliases {
        name
        version {
          number
        }
      }
      versions(first: 5) {
        nodes {
          number
          format
          replicas {
            nodes {
              name
              role
              ready
            }
          }
        }
      }
    }
  }
}
`,
  },
  {
    query: `# What happens from now on,
# in order. The HEARTBEAT says
# from where: wait, or go on
# behind it with
# events(after: "…").
subscription Events {
  events {
    kind
    cursor
    event {
      type
      at
      message
      actor {
        name
      }
    }
  }
}
`,
  },
];

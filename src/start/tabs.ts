/** The tabs that GraphiQL opens with: what people ask first. Each runs as it is. */
import type { GraphiqlTab } from '../api/graphiql.ts';

export const GRAPHIQL_TABS: readonly GraphiqlTab[] = [
  {
    query: `# What is served, by which version, and how its release stands.
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
    query: `# From a model to the replicas that serve each version, in one request.
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
    query: `# Everything that happens, in order. Go on after any cursor: events(after: "…").
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

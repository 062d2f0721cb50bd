/**
 * Makes src/client/generated/graphql.ts: the documents of schema/operations as strings that carry their types.
 * `npm run codegen` writes it, `npm run codegen -- --check` fails when it is not what the documents and the schema say.
 */
import type { CodegenConfig } from '@graphql-codegen/cli';
import { preset as clientPreset } from '@graphql-codegen/client-preset';

/** The preset's other file maps the text of each document to the document again: we name documents instead. */
const documentsOnly: typeof clientPreset = {
  ...clientPreset,
  buildGeneratesSection: async (options) =>
    (await clientPreset.buildGeneratesSection(options)).filter(({ filename }) => filename.endsWith('/graphql.ts')),
};

const config: CodegenConfig = {
  schema: 'schema/schema.graphql',
  documents: 'schema/operations/*.graphql',
  silent: true,
  errorsOnly: true,
  generates: {
    'src/client/generated/': {
      preset: documentsOnly,
      presetConfig: { fragmentMasking: false, skipIndexFile: true },
      config: {
        documentMode: 'string',
        useTypeImports: true,
        enumType: 'string-literal',
        strictScalars: true,
        scalars: {
          Cursor: 'string',
          DateTime: 'string',
          ID: 'string',
          IntOrPercent: 'number | string',
          JSONObject: 'Record<string, unknown>',
          Quantity: 'string',
          SafeInt: 'number',
        },
      },
    },
  },
};

export default config;

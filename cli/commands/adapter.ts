// `ratchet adapter`: every adapter ever trained, what it came from and what became of it.
import type { Command } from 'commander';
import { AdapterManifest } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { reestimateInWords } from '../../core/gate/reestimate.ts';
import { reestimateOf } from '../../activities/reestimate.ts';
import { action, positiveInt } from '../action.ts';
import { asDigest, resolveId } from '../context.ts';
import { fields, short, table } from '../output.ts';

export function addAdapter(program: Command): void {
  const adapter = program.command('adapter').description('LoRA adapters, named by digest');
  adapter
    .command('ls')
    .description('the newest adapters, with the channels they are live in')
    .option('-n, --limit <count>', 'how many', positiveInt, 20)
    .action(
      action<[{ limit: number }]>(async (context, options) => {
        const store = await context.store();
        const channels = await store.channels();
        const rows = (await store.documents('adapter', options.limit)).map((row) => ({
          digest: row.digest,
          manifest: AdapterManifest.parse(row.document),
          liveIn: channels.filter((entry) => entry.live === row.digest).map((entry) => entry.channel),
        }));
        context.out.result(rows, (value) =>
          table(['adapter', 'workload', 'dataset', 'steps', 'tokens', 'loss', 'live in'], value.map(({ digest, manifest, liveIn }) => [short(digest), manifest.workload, short(manifest.datasetDigest), manifest.training.steps, manifest.training.tokens, `${manifest.training.firstLoss.toFixed(3)} → ${manifest.training.finalLoss.toFixed(3)}`, liveIn.join(', ') || '-'])),
        );
      }),
    );
  adapter
    .command('show <digest>')
    .description('the manifest: base, tokenizer, dataset, recipe and files by digest')
    .addHelpText('after', '\nExample:\n  ratchet adapter show 5d20 --json | jq .files')
    .action(
      action<[string]>(async (context, id) => {
        const store = await context.store();
        const hit = await resolveId(store, id, ['adapter']);
        const manifest = await store.adapter(asDigest(hit.id));
        if (!manifest) throw new RatchetError('NOT_FOUND', `no adapter ${id}`);
        const reestimate = await reestimateOf(store, hit.id);
        context.out.result({ digest: hit.id, ...manifest, ...(reestimate === null ? {} : { reestimate }) }, (value) =>
          fields([
            ['adapter', value.digest],
            ['workload', value.workload],
            ['base model', `${value.baseModel} (${value.baseDigest})`],
            ['tokenizer', value.tokenizerDigest],
            ['chat template', value.chatTemplateDigest],
            ['trained on', `${value.quantization}, rank ${value.loraRank}, ${value.targetModules.join(' ')}`],
            ['dataset', value.datasetDigest],
            ['recipe', value.recipeDigest],
            ['training', `${value.training.steps} steps, ${value.training.tokens} tokens, loss ${value.training.firstLoss.toFixed(4)} → ${value.training.finalLoss.toFixed(4)}, ${value.training.trainer}`],
            ...(reestimate === null ? [] : [['gain', reestimateInWords(reestimate)] as [string, string]]),
            ...Object.entries(value.files).map(([name, digest]): [string, string] => [name, digest]),
          ]),
        );
      }),
    );
}

// Kept answers: what an adapter has answered on an engine build is not asked for twice.
import type { Digest } from '../../core/contracts/index.ts';
import type { AnswerKey, KeptAnswer, MetadataStore } from '../ports.ts';
import type { Database } from './database.ts';

/** In the key, where the base model has no digest. */
const BASE = 'base';

interface Row {
  question_digest: Digest;
  asked_in: string;
  answer_digest: Digest;
  latency_ms: number;
  output_tokens: number;
}

export function answerQueries(database: Database): Pick<MetadataStore, 'keepAnswers' | 'keptAnswers'> {
  return {
    async keepAnswers(answers) {
      database.write(() => {
        for (const { adapterDigest, engineBuild, samplingDigest, questionDigest, askedIn, answerDigest, latencyMs, outputTokens } of answers) {
          database.run('INSERT INTO kept_answers VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING', adapterDigest ?? BASE, engineBuild, samplingDigest, questionDigest, askedIn, answerDigest, latencyMs, outputTokens);
        }
      });
    },

    async keptAnswers({ adapterDigest, engineBuild, samplingDigest, questionDigests }) {
      const key: AnswerKey = { adapterDigest, engineBuild, samplingDigest };
      return questionDigests.flatMap((questionDigest): KeptAnswer[] => {
        const row = database.get<Row>(
          'SELECT question_digest, asked_in, answer_digest, latency_ms, output_tokens FROM kept_answers WHERE adapter_digest = ? AND engine_build = ? AND sampling_digest = ? AND question_digest = ?',
          ...[adapterDigest ?? BASE, engineBuild, samplingDigest, questionDigest],
        );
        return row ? [{ ...key, questionDigest, askedIn: row.asked_in, answerDigest: row.answer_digest, latencyMs: row.latency_ms, outputTokens: row.output_tokens }] : [];
      });
    },
  };
}

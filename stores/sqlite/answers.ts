// Kept answers: what an adapter has answered on an engine build is not asked for twice; nor is what a judge has found in an answer.
import type { Digest } from '../../core/contracts/index.ts';
import type { AnswerKey, KeptAnswer, KeptJudgement, MetadataStore } from '../ports.ts';
import type { Database } from './database.ts';

const IS_CONFIRMED = 'asked_in IN (SELECT evaluation_id FROM confirmed_evaluations)';
const KEEP = `INSERT INTO kept_answers VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET asked_in = excluded.asked_in, answer_digest = excluded.answer_digest,
  latency_ms = excluded.latency_ms, output_tokens = excluded.output_tokens WHERE NOT kept_answers.${IS_CONFIRMED}`;
const KEPT = `SELECT question_digest, asked_in, answer_digest, latency_ms, output_tokens FROM kept_answers
  WHERE adapter_digest = ? AND engine_build = ? AND sampling_digest = ? AND question_digest = ? AND (asked_in = ? OR ${IS_CONFIRMED})`;
/** In the key, where the base model has no digest. */
const BASE = 'base';

interface Row {
  question_digest: Digest;
  asked_in: string;
  answer_digest: Digest;
  latency_ms: number;
  output_tokens: number;
}

export function answerQueries(database: Database): Pick<MetadataStore, 'keepAnswers' | 'keptAnswers' | 'confirmEvaluation' | 'keepJudgements' | 'keptJudgements'> {
  return {
    async keepAnswers(answers) {
      database.write(() => {
        for (const { adapterDigest, engineBuild, samplingDigest, questionDigest, askedIn, answerDigest, latencyMs, outputTokens } of answers) {
          database.run(KEEP, adapterDigest ?? BASE, engineBuild, samplingDigest, questionDigest, askedIn, answerDigest, latencyMs, outputTokens);
        }
      });
    },

    async keptAnswers({ adapterDigest, engineBuild, samplingDigest, evaluationId, questionDigests }) {
      const key: AnswerKey = { adapterDigest, engineBuild, samplingDigest };
      return questionDigests.flatMap((questionDigest): KeptAnswer[] => {
        const row = database.get<Row>(KEPT, adapterDigest ?? BASE, engineBuild, samplingDigest, questionDigest, evaluationId);
        return row ? [{ ...key, questionDigest, askedIn: row.asked_in, answerDigest: row.answer_digest, latencyMs: row.latency_ms, outputTokens: row.output_tokens }] : [];
      });
    },

    async confirmEvaluation(evaluationId) {
      database.write(() => database.run('INSERT INTO confirmed_evaluations VALUES (?) ON CONFLICT DO NOTHING', evaluationId));
    },

    async keepJudgements(judgements) {
      database.write(() => {
        for (const { judgeDigest, caseDigest, answerDigest, passed, reasonDigest, askedIn } of judgements) {
          database.run('INSERT INTO kept_judgements VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING', judgeDigest, caseDigest, answerDigest, Number(passed), reasonDigest, askedIn);
        }
      });
    },

    async keptJudgements(judgeDigest, answers) {
      return answers.flatMap(({ caseDigest, answerDigest }): KeptJudgement[] => {
        const row = database.get<{ passed: number; reason_digest: Digest; asked_in: string }>(
          'SELECT passed, reason_digest, asked_in FROM kept_judgements WHERE judge_digest = ? AND case_digest = ? AND answer_digest = ?',
          ...[judgeDigest, caseDigest, answerDigest],
        );
        return row ? [{ judgeDigest, caseDigest, answerDigest, passed: row.passed === 1, reasonDigest: row.reason_digest, askedIn: row.asked_in }] : [];
      });
    },
  };
}

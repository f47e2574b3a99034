// A stub of a judge's HTTP API for tests: no model, it says so in every verdict. It decides by a function of the question.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const STUB_JUDGE = 'stub-judge';

export interface JudgeQuestionSeen {
  /** The rubric, the material and the marks. */
  content: string;
  /** Texts of the answers that are to be judged. */
  answers: string[];
  body: Record<string, unknown>;
  headers: IncomingHttpHeaders;
}

export interface StubJudge {
  url: string;
  asked: JudgeQuestionSeen[];
  /** What it says of itself. */
  reports: { model: string; root: string; fingerprint: string };
  /** true: the answer passes. */
  decide: (question: JudgeQuestionSeen) => boolean;
  /** Replaces the usual answer; false leaves it to the usual. */
  onAsk: ((question: JudgeQuestionSeen, res: ServerResponse) => boolean) | undefined;
  close(): Promise<void>;
}

export const verdictText = (passed: boolean, reason = 'a stub says so'): string => JSON.stringify({ reason, verdict: passed ? 'pass' : 'fail' });

export function sendVerdict(stub: StubJudge, res: ServerResponse, text: string): void {
  const { model, fingerprint } = stub.reports;
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ model, system_fingerprint: fingerprint, choices: [{ message: { role: 'assistant', content: text }, finish_reason: 'stop' }] }));
}

/** What stands between the two lines with the mark. */
export function materialOf(content: string): { conversation: { role: string; text: string; answer?: number }[] } {
  const lines = content.split('\n');
  const mark = lines.at(-1) ?? '';
  return JSON.parse(lines.slice(lines.indexOf(mark) + 1, -1).join('\n')) as ReturnType<typeof materialOf>;
}

export async function startStubJudge(): Promise<StubJudge> {
  const stub: StubJudge = { url: '', asked: [], reports: { model: STUB_JUDGE, root: '/models/stub-judge', fingerprint: 'stub-1' }, decide: () => true, onAsk: undefined, close: async () => undefined };
  const server = createServer((req, res) => {
    if (req.method === 'GET' && req.url === '/v1/models') return void res.writeHead(200).end(JSON.stringify({ data: [{ id: STUB_JUDGE, root: stub.reports.root, parent: null }] }));
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { messages: { content: string }[] } & Record<string, unknown>;
      const content = body.messages[1]?.content ?? '';
      const answers = materialOf(content).conversation.filter(({ answer }) => answer !== undefined).map(({ text }) => text);
      const question: JudgeQuestionSeen = { content, answers, body, headers: req.headers };
      stub.asked.push(question);
      if (stub.onAsk?.(question, res) !== true) sendVerdict(stub, res, verdictText(stub.decide(question)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stub.close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return stub;
}

// Workers answer /healthz and /metrics, and fault points stay shut unless a test opens them.
import { Counter, Registry } from 'prom-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { RatchetError } from '../../core/errors.ts';
import { faultPoints } from '../../workers/faults.ts';
import { startHealth, type Health } from '../../workers/health.ts';

describe('health server', () => {
  let health: Health | undefined;
  afterEach(async () => {
    await health?.close();
    health = undefined;
  });
  const start = async (check: () => Promise<void>) => {
    const registry = new Registry();
    new Counter({ name: 'seen_total', help: 'seen', registers: [registry] }).inc(3);
    health = await startHealth({ host: '127.0.0.1', port: 0, registry, check });
    return health.url;
  };

  it('says that all is well', async () => {
    const url = await start(async () => undefined);
    const answer = await fetch(`${url}/healthz?x=1`);
    expect([answer.status, await answer.json()]).toEqual([200, { ok: true }]);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('seen_total 3');
    expect((await fetch(`${url}/other`)).status).toBe(404);
  });

  it('says in our own words what is wrong', async () => {
    const url = await start(async () => {
      throw new RatchetError('KAFKA_UNAVAILABLE', 'no broker answers');
    });
    const answer = await fetch(`${url}/healthz`);
    expect([answer.status, await answer.json()]).toEqual([503, { ok: false, problem: 'KAFKA_UNAVAILABLE: no broker answers' }]);
  });

  it('names the setting when the port is taken', async () => {
    const port = Number(new URL(await start(async () => undefined)).port);
    await expect(startHealth({ host: '127.0.0.1', port, registry: new Registry(), check: async () => undefined })).rejects.toThrow(/METRICS_PORT/);
  });
});

describe('fault points', () => {
  it('do nothing by default and for other names', () => {
    faultPoints(undefined, 'production')('after_store');
    faultPoints('', 'production')('after_store');
    faultPoints('elsewhere', 'development')('after_store');
  });
  it('end the process at the named point, at the time that is named', () => {
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    try {
      const point = faultPoints('after_store:2', 'development');
      point('after_store');
      point('before_store');
      expect(kill).not.toHaveBeenCalled();
      point('after_store');
      expect(kill).toHaveBeenCalledExactlyOnceWith(process.pid, 'SIGKILL');
    } finally {
      kill.mockRestore();
    }
  });
  it('are refused in production', () => {
    expect(() => faultPoints('after_store', 'production')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error);
  });
});

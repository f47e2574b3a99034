// Changes of schedules by people: the last one counts, all are kept.
import { ScheduleChange } from '../../core/contracts/index.ts';
import type { MetadataStore } from '../ports.ts';
import { pack, unpack } from './body.ts';
import type { Database } from './database.ts';

export function scheduleQueries(database: Database): Pick<MetadataStore, 'setSchedule' | 'scheduleChanges'> {
  return {
    async setSchedule(change) {
      database.write(() => database.run('INSERT INTO schedule_changes (workload, body) VALUES (?, ?)', change.workload, pack(ScheduleChange.parse(change))));
    },

    async scheduleChanges(workload) {
      return database.all<{ body: Uint8Array }>('SELECT body FROM schedule_changes WHERE workload = ? ORDER BY seq', workload).map(({ body }) => ScheduleChange.parse(unpack(body)));
    },
  };
}

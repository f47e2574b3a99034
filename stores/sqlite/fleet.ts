// Replicas as the fleet remembers them: who may not answer and why, and when each was last looked at.
import type { MetadataStore, ReplicaMark } from '../ports.ts';
import type { Database } from './database.ts';

type Queries = Pick<MetadataStore, 'replicaMarks' | 'markReplica' | 'claimReplicaCheck'>;

type Row = Omit<ReplicaMark, 'inTraffic'> & { inTraffic: number };

const LAST = 'SELECT replica, in_traffic AS inTraffic, cause, reason, by, at, max(seq) AS seq FROM replica_marks';
const asMark = ({ replica, inTraffic, cause, reason, by, at }: Row): ReplicaMark => ({ replica, inTraffic: inTraffic === 1, cause, reason, by, at });

export function fleetQueries(database: Database): Queries {
  return {
    async replicaMarks() {
      return database.all<Row>(`${LAST} GROUP BY replica ORDER BY replica`).map(asMark);
    },

    async markReplica(mark) {
      return database.write(() => {
        const row = database.get<Row>(`${LAST} WHERE replica = ? GROUP BY replica`, mark.replica);
        const { inTraffic, cause } = row ? asMark(row) : { inTraffic: true, cause: 'isolation' as const };
        const settled = inTraffic === mark.inTraffic && (inTraffic || cause === 'person' || mark.cause === 'isolation');
        const notForTheCheck = mark.cause === 'isolation' && !inTraffic && cause === 'person';
        if (settled || notForTheCheck) return false;
        database.run('INSERT INTO replica_marks (replica, in_traffic, cause, reason, by, at) VALUES (?, ?, ?, ?, ?, ?)', mark.replica, mark.inTraffic ? 1 : 0, mark.cause, mark.reason, mark.by, mark.at);
        return true;
      });
    },

    async claimReplicaCheck(replica, at, notSince) {
      return database.write(
        () => database.run('INSERT INTO replica_checks (replica, at) VALUES (?, ?) ON CONFLICT (replica) DO UPDATE SET at = excluded.at WHERE replica_checks.at < ?', replica, at, notSince) > 0,
      );
    },
  };
}

// Sends corrections the way a person's tool would: as events on Kafka, some before their interaction has arrived.
import { correctionEvent } from '../../core/events.ts';
import { EVENT_HEADERS, kafkaProducer } from '../../stores/kafka.ts';
import type { Config } from '../../workers/config.ts';

export interface CorrectionDesk {
  /**
   * `answer`: what a person would have written.
   * @param batch names the events: the same interaction is corrected again under another name, and the later correction counts
   */
  send(corrections: readonly { interactionId: string; answer: string }[], batch?: string): Promise<void>;
  close(): Promise<void>;
}

export const gatewaySource = (channel: string): string => `urn:ratchet:gateway:${channel}`;

/** @param channel where the corrected interactions were answered */
export async function openCorrectionDesk(config: Config, { workload, channel, tenant }: { workload: string; channel: string; tenant: string }): Promise<CorrectionDesk> {
  const producer = kafkaProducer(config.kafka, 'ratchet-demo-desk');
  return {
    send: async (corrections, batch = 'correction') => {
      if (corrections.length === 0) return;
      const messages = corrections.map(({ interactionId, answer }) => {
        const event = correctionEvent({
          source: 'urn:ratchet:demo:desk',
          id: `${batch}-${interactionId}`,
          time: new Date().toISOString(),
          workload,
          tenant,
          interaction: { source: gatewaySource(channel), id: interactionId },
          answer,
          author: 'demo desk (truth file)',
          authority: 'person',
        });
        return { key: interactionId, value: JSON.stringify(event), headers: EVENT_HEADERS };
      });
      await producer.send([{ topic: config.kafka.topics.corrections, messages }]);
    },
    close: () => producer.close(),
  };
}

// Short ways to write an interaction and to read what was found in it.
import type { z } from 'zod';
import { DetectorSettings, type FailureClass, type FinishReason, type Message } from '../../core/contracts/index.ts';
import { detect, type DetectionInput, type DetectionOptions } from '../../core/detect/index.ts';

export const message = (role: Message['role'], text: string, trusted = role !== 'tool'): Message => ({ role, parts: [{ text, trusted }] });

export const inputOf = (text: string, over: Partial<DetectionInput> = {}): DetectionInput => ({ messages: [message('user', 'hello')], answer: { text }, finishReason: 'stop', ...over });

/** `class rule` of every finding, by its first evidence. */
export function found(input: DetectionInput | string, settings: z.input<typeof DetectorSettings> = {}, options?: DetectionOptions): string[] {
  const findings = detect(typeof input === 'string' ? inputOf(input) : input, DetectorSettings.parse(settings), options);
  return findings.map((finding) => `${finding.class} ${finding.evidence[0]?.rule}`);
}

export function classes(input: DetectionInput | string, settings: z.input<typeof DetectorSettings> = {}): FailureClass[] {
  return detect(typeof input === 'string' ? inputOf(input) : input, DetectorSettings.parse(settings)).map((finding) => finding.class);
}

export const ended = (text: string, finishReason: FinishReason): DetectionInput => inputOf(text, { finishReason });

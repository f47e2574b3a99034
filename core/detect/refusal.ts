// Whether an answer only says that it will not answer. English, and rather too few than too many.
import type { Evidence } from '../contracts/index.ts';

export const REFUSAL_DETECTOR = 'refusal@1';

/** A refusal says so at once; a long answer that mentions one later did answer. */
const HEAD_LENGTH = 400;

const SORRY = "(?:(?:(?:i['’]m|i am)\\s+(?:very\\s+|so\\s+|really\\s+)?(?:sorry|afraid)|sorry|apologies|my apologies|i apologi[sz]e|unfortunately|regrettably)[,.;:!]?\\s*(?:but\\s+|that\\s+|for (?:the|any) [a-z]{1,20}[,.]?\\s+(?:but\\s+)?)?)?";
const SELF = "(?:as an?\\s+(?:ai|artificial intelligence|(?:large )?language model|(?:virtual |digital )?assistant)[^.,\\n]{0,60},?\\s*)?";
const WILL_NOT = "i\\s*(?:can(?:no|['’])?t|can not|could(?:n['’]t| not)|am (?:not able|unable|not allowed|not permitted|not comfortable|not going) to|['’]m (?:not able|unable|not allowed|not permitted|not comfortable|not going) to|won['’]t(?: be able to)?|will not(?: be able to)?|must (?:decline|refuse)(?: to)?|(?:have|need) to (?:decline|refuse)(?: to)?|do(?:n['’]t| not) feel comfortable)";
const HELPING = '(?:help|assist|comply|fulfil?l|answer|respond|continue|proceed|engage|participate|do|complete|provid(?:e|ing)|creat(?:e|ing)|generat(?:e|ing)|writ(?:e|ing)|produc(?:e|ing)|shar(?:e|ing)|discuss(?:ing)?|support|giv(?:e|ing)|offer(?:ing)?|process(?:ing)?|perform(?:ing)?)';
const REQUEST = '(?:with\\s+|to\\s+|on\\s+|in\\s+)?(?:you\\s+)?(?:with\\s+)?(?:that|this|these|it|so|such|your|the)(?:\\s+(?:kind|type|sort)s?\\s+of)?(?:\\s+(?:request|question|task|instructions?|content|information|topic|conversation))?(?=[\\s.,;:!?]|$)';

/** Refuses anything: enough where a JSON value or a tool call was wanted. */
const REFUSES = new RegExp(`^${SORRY}${SELF}${SORRY}${WILL_NOT}(?:\\s+${HELPING}\\b|[.,!]|\\s+with\\b)`, 'i');
/** Refuses the request itself: "I can't give a refund after 30 days" is an answer, "I can't help with that" is none. */
const REFUSES_REQUEST = new RegExp(`^${SORRY}${SELF}${SORRY}${WILL_NOT}\\s+(?:${HELPING}\\s+${REQUEST}|(?:help|assist|comply)[.!]?\\s*$)`, 'i');
const SPEAKS_AS_MODEL = new RegExp(`^${SORRY}as an?\\s+(?:ai|artificial intelligence|(?:large )?language model)[^.\\n]{0,60},?\\s*(?:but\\s+)?${WILL_NOT}`, 'i');

/**
 * @param expectsText the answer was free to be prose, so that only a refusal of the request itself counts
 * @returns null when it does not refuse
 */
export function findRefusal(text: string, expectsText: boolean): Evidence | null {
  const start = text.search(/[\p{L}]/u);
  if (start < 0) return null;
  const head = text.slice(start, start + HEAD_LENGTH);
  const found = SPEAKS_AS_MODEL.exec(head) ?? (expectsText ? REFUSES_REQUEST : REFUSES).exec(head);
  return found ? { rule: 'refuses', start, end: start + found[0].length } : null;
}

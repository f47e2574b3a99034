// Whether an answer only says that it will not answer, in prose or as the value of a JSON answer. English, German, French and Spanish, and rather too few than too many.
import type { DetectorSettings, Evidence } from '../contracts/index.ts';
import type { AnswerString } from './answer-text.ts';

export const REFUSAL_DETECTOR = 'refusal@2';

/** A refusal says so at once; a long answer that mentions one later did answer. */
const HEAD_LENGTH = 400;

const SORRY = "(?:(?:(?:i['’]m|i am)\\s+(?:very\\s+|so\\s+|really\\s+)?(?:sorry|afraid)|sorry|apologies|my apologies|i apologi[sz]e|unfortunately|regrettably)[,.;:!]?\\s*(?:but\\s+|that\\s+|for (?:the|any) [a-z]{1,20}[,.]?\\s+(?:but\\s+)?)?)?";
const SELF = "(?:as an?\\s+(?:ai|artificial intelligence|(?:large )?language model|(?:virtual |digital |ai )?assistant)[^.,\\n]{0,60},?\\s*)?";
const WILL_NOT = "i\\s*(?:can(?:no|['’])?t|can not|could(?:n['’]t| not)|am (?:not able|unable|not allowed|not permitted|not comfortable|not going) to|['’]m (?:not able|unable|not allowed|not permitted|not comfortable|not going) to|won['’]t(?: be able to)?|will not(?: be able to)?|(?:must|would|['’]d)(?: respectfully| politely)? (?:decline|refuse|rather not)(?: to)?|(?:have|need) to(?: respectfully| politely)? (?:decline|refuse)(?: to)?|do(?:n['’]t| not) feel comfortable)";
const HELPING = '(?:help|assist|comply|fulfil?l|answer|respond|continue|proceed|engage|participate|do|complete|provid(?:e|ing)|creat(?:e|ing)|generat(?:e|ing)|writ(?:e|ing)|produc(?:e|ing)|shar(?:e|ing)|discuss(?:ing)?|support|giv(?:e|ing)|offer(?:ing)?|process(?:ing)?|perform(?:ing)?)';
const REQUEST = '(?:with\\s+|to\\s+|on\\s+|in\\s+)?(?:you\\s+)?(?:with\\s+)?(?:that|this|these|it|so|such|your|the)(?:\\s+(?:kind|type|sort)s?\\s+of)?(?:\\s+(?:request|question|task|instructions?|content|information|topic|conversation))?(?=[\\s.,;:!?"]|$)';
/** What is refused for its kind: said of goods or orders it would be an answer. */
const KIND = '(?:you\\s+)?(?:with\\s+)?(?:any\\s+)?(?:(?:specific|detailed|personali[sz]ed|explicit|harmful)\\s+)?(?:instructions?\\s+(?:on|for|to|about|that)|guidance\\s+on|information\\s+(?:on\\s+how|about\\s+how|that\\s+(?:could|may|might))|(?:medical|legal|financial|investment)\\s+advice|content\\s+(?:that|which|of|involving)|assistance\\s+with\\s+(?:that|this|illegal|harmful))';

/** Refuses anything: enough where a JSON value or a tool call was wanted. */
const REFUSES = new RegExp(`^${SORRY}${SELF}${SORRY}${WILL_NOT}(?:\\s+${HELPING}\\b|[.,!]|\\s+with\\b)`, 'i');
/** Refuses the request itself: "I can't give a refund after 30 days" is an answer, "I can't help with that" is none. */
const REFUSES_REQUEST = new RegExp(`^${SORRY}${SELF}${SORRY}(?:${WILL_NOT}\\s+(?:${HELPING}\\s+${REQUEST}|${HELPING}\\s+${KIND}|(?:help|assist|comply)[.!]?\\s*$)|(?:that|this)(?:['’]s| is) (?:not something|nothing) (?:that )?i(?: can|['’]m able to| am able to)\\b)`, 'i');
const SPEAKS_AS_MODEL = new RegExp(`^${SORRY}as an?\\s+(?:ai|artificial intelligence|(?:large )?language model)[^.\\n]{0,60},?\\s*(?:but\\s+)?${WILL_NOT}`, 'i');

/** The same in other languages, always of the request itself. */
const ABROAD: readonly RegExp[] = [
  /^(?:(?:es )?tut mir (?:sehr )?leid|entschuldigung|entschuldigen sie|leider|ich bedaure)?[,.!]?\s*(?:aber\s+)?(?:(?:das|dabei|damit|dazu|hierbei)\s+)?(?:ich (?:kann|darf|werde)|(?:kann|darf|werde) ich)\s+(?:ihnen\s+|dir\s+|euch\s+)?(?:leider\s+)?(?:(?:dabei|damit|dazu|hierbei|das|dies|bei dies(?:er|em) \p{L}{1,20}|dies(?:e|en|er) (?:anfrage|aufgabe|frage|wunsch|bitte)|ihr(?:e|en) (?:anfrage|frage|wunsch|bitte))\s+)?(?:leider\s+)?(?:nicht|keine (?:auskunft|hilfe))\s+(?:weiter)?(?:helfen|unterstützen|beantworten|erfüllen|bearbeiten|tun|machen|nachkommen|geben|leisten|behilflich sein)/iu,
  /^als (?:ki|künstliche intelligenz|sprachmodell|ki-\p{L}{1,20})[^.\n]{0,60}\b(?:kann|darf) ich\b[^.\n]{0,80}\bnicht\b/iu,
  /^(?:(?:je suis|nous sommes) (?:vraiment )?désolée?s?|désolée?|malheureusement|je regrette)?[,.!]?\s*(?:mais\s+)?je ne (?:peux|puis|suis) pas (?:en mesure d['’e]\s*)?(?:vous |t['’]|te )?(?:aider|répondre|assister|fournir|traiter|satisfaire|donner suite|accéder)(?:\s+(?:avec|à|sur|dans|pour))?\s*(?:cela|ça|ce(?:tte|t)? (?:demande|question|requête|sujet|tâche)|votre (?:demande|question|requête)|[.!]|$)/iu,
  /^en tant qu['’](?:ia|intelligence artificielle|assistante? ia|une? (?:ia|modèle)|modèle de langage)[^.\n]{0,60}\bje ne (?:peux|puis|suis) pas\b/iu,
  /^(?:lo siento|lo lamento|disculp[ae]|desafortunadamente|lamentablemente|perdón)?[,.!]?\s*(?:pero\s+)?no (?:puedo|me es posible|estoy en condiciones de|estoy autorizad[oa] (?:a|para))\s+(?:ayudar(?:te|le|les|lo|la)?|responder|asistir(?:te|le)?|cumplir|atender|proporcionar(?:te|le)?|procesar|hacer)(?:\s+(?:con|a|en))?\s*(?:eso|esto|es[ae] (?:solicitud|pregunta|petición|tarea|tema)|est[ae] (?:solicitud|pregunta|petición|tarea|tema)|(?:su|tu) (?:solicitud|pregunta|petición)|[.!]|$)/iu,
  /^como (?:una? )?(?:ia|inteligencia artificial|modelo de lenguaje|asistente (?:de ia|virtual))[^.\n]{0,60}\bno (?:puedo|me es posible)\b/iu,
];

/** `over_refuses`: nothing in the workload was to be refused. */
const ruleOf = (settings: DetectorSettings): string => (settings.mayRefuse === false ? 'over_refuses' : 'refuses');

function refusalIn(text: string, ofTheRequest: boolean): { start: number; end: number } | null {
  const start = text.search(/[\p{L}]/u);
  if (start < 0) return null;
  const head = text.slice(start, start + HEAD_LENGTH);
  let found = SPEAKS_AS_MODEL.exec(head) ?? (ofTheRequest ? REFUSES_REQUEST : REFUSES).exec(head) ?? REFUSES_REQUEST.exec(head);
  for (const pattern of ABROAD) found ??= pattern.exec(head);
  return found ? { start, end: start + found[0].length } : null;
}

/**
 * @param expectsText the answer was free to be prose, so that only a refusal of the request itself counts
 * @returns null when it does not refuse, or may
 */
export function findRefusal(text: string, expectsText: boolean, settings: DetectorSettings): Evidence | null {
  const found = settings.mayRefuse === true ? null : refusalIn(text, expectsText);
  return found ? { rule: ruleOf(settings), ...found } : null;
}

/** Names under which an answer or the reason for none stands. */
const SPEAKING = /\/(?:answer|error|errors?_?message|message|response|result|output|text|content|reply|refusal|reason|note|explanation|summary|detail|description)$/i;
/** More strings than this, and something was answered beside the refusal. */
const MAX_FILLED = 3;

/**
 * A refusal as the value of a JSON answer: the request itself is refused, and little else is said.
 * @param strings strings and names of the answer with their pointers
 */
export function findRefusalInJson(strings: readonly AnswerString[], settings: DetectorSettings): Evidence | null {
  if (settings.mayRefuse === true) return null;
  const filled: AnswerString[] = [];
  for (const string of strings) {
    const { text, pointer = '' } = string;
    if (text.length > 3 && !pointer.endsWith(`/${text}`) && text.trim() !== '' && filled.push(string) > MAX_FILLED) return null;
  }
  for (const { text, pointer = '' } of filled) {
    if (SPEAKING.test(pointer) && refusalIn(text, true)) return { rule: ruleOf(settings), pointer };
  }
  return null;
}

// Instructions in text from outside: sentences that tell somebody to do something, and which of them speak to the model.
import { remembered } from '../../remembered.ts';
import { sentencesIn } from './text.ts';

/**
 * `addressed`: speaks to the model or of its answer, or follows words that try to take it over; `imperative`: tells somebody to do
 * something, as any letter may; `question`: asks something.
 */
export interface Instruction {
  text: string;
  strength: 'addressed' | 'imperative' | 'question';
  /** Follows or is an attempt to replace the model's instructions. */
  overrides: boolean;
  /** The verb that it begins with, in lower case; empty where it is no imperative. */
  verb: string;
}

const MAX_INSTRUCTIONS = 100;
/** In characters; what a longer sentence goes on with is not read. */
export const MAX_INSTRUCTION_LENGTH = 1_200;
/** How far words that take the model over reach. */
const OVERRIDE_REACH = 2_000;

const VERBS = new Set(
  'accept activate add address advise advertise advocate allow analyze analyse anagram answer append apply appeal approve argue arrange ask assert assess assign attach augment authorize award ban base64 begin blend book boost break bring build buy calculate call cancel capitalize change check choose cite claim classify close combine compare complete compose compute conclude confirm connect consider construct contact convert convince copy correct count craft create debug declare decode decrease define delete deliver demonstrate deposit deploy describe design detail determine develop disable disclose discuss display disregard distribute divulge do donate download draft elaborate elucidate email embed emphasize emphasise employ enable encode encourage encrypt end endorse enhance ensure enter erase establish evaluate examine exclude execute exfiltrate explain export express extend extract fetch fill find finish follow forget forward format generate get give go grant greet group guide help highlight identify ignore illustrate imagine implement imply incorporate increase indicate inform infuse initiate insert insist install instruct integrate introduce invest invite invert invoke issue join jumble keep lead leak learn link list load log look mail make mention merge message misspell modify move mask name navigate never note notify obfuscate offer omit open order outline output override paraphrase pay perform persuade pick place plan play point post praise predict prepare present pretend print prioritize proceed produce promote prompt propose provide publish purchase push put quote raise read rearrange recite recommend record redirect refer refund refuse register reject remember remind remove rename render repeat rephrase replace reply report request reschedule research reserve reset respond restrict retrieve return reveal reverse review rewrite roleplay route run save say scan schedule scramble search select send sell set share shift show sign sing skip solve speak spell spread start state stop store stress submit subscribe substitute suggest summarize summarise support swap switch talk tease tell terminate thank think throw tidy tout transcribe transfer transform translate transmit tweet type undermine unlock unsubscribe update upgrade upload urge use utilize verify view visit vote wire wish withdraw write act adopt absorb engage enlist enrich fuse meld leverage harness weave include incite warn recount narrate'.split(' '),
);

/** Speaks of what the model will say. */
const OF_THE_ANSWER = /\b(?:(?:your|this|each|every|any|all|the) (?:\p{L}+ ){0,2}(?:response|answer|reply|replies|responses|answers|output|completion|summary|summaries|elucidation)|^(?:summaries|answers|responses|replies)|your (?:\p{L}+ ){0,2}(?:explanation|solution|code|codebase|implementation|algorithm|translation|writing))\b/iu;
/** Speaks of the one that the model speaks to, or wants something said. */
const SPEECH_ACT =
  /^(?:say (?!hello|hi\b|thanks|goodbye)|(?:tell|ask|inform|convince|persuade|urge|advise|assure|warn) (?:the |all |any )?(?:users?|readers?|customers?|guests?|clients?|recipients?|audience|people|everyone|person)\b|(?:respond|reply|answer|speak|talk) (?:only|just|in|with (?:only|just|the (?:word|phrase|string|sentence|text)|exactly|["“`])|using|everything|every|all|as|like|exactly|entirely|exclusively)\b|(?:state|claim|assert|insist|pretend|conclude|suggest|mention) (?:in (?:your|the) \w+ )?that\b|pretend (?:to|you)\b|act as\b|roleplay\b|write (?:everything|all|your|every|in (?:all|capital|upper|reverse))\b|(?:suggest|recommend) (?:to |that )?(?:the )?(?:users?|readers?|customers?|people|everyone)\b|(?:encode|encrypt|translate) (?:your|the|this|all|everything)\b|(?:print|output|repeat|echo|(?:begin|end|finish|conclude) with)\b[^\n]{0,60}?(?:["“`<]|:\s|\b(?:[A-Z][A-Z0-9_-]{3,})\b|\b(?:the (?:word|phrase|string|sentence|token|text)|exactly|verbatim)\b))/;
const SPEECH_ACT_ANY_CASE = new RegExp(SPEECH_ACT.source.replace('[A-Z][A-Z0-9_-]{3,}', '\\b\\B'), 'i');
const MODEL = '(?:A\\.?I\\.?(?: (?:assistants?|models?|agents?|systems?|summari[sz]ers?|bots?))?|LLMs?|(?:large )?language models?|chat ?bots?|ChatGPT|GPT(?:-?\\d\\w*)?|Claude|Gemini|Llama|Copilot|(?:the |this )?(?:AI )?assistant|(?:the )?(?:AI|model|agent|bot|summari[sz]er))';
/** Speaks to a model by name, which an article about models does not. */
const TO_A_MODEL = new RegExp(`(?:^|[\\s>"'(*#\\[-])(?:(?:dear|hey|hello|hi|attention,?|note to|message (?:to|for)|instructions? (?:to|for)|reminder (?:to|for)|notice (?:to|for)|for|to you,) (?:all |any |every |the )?${MODEL}\\b[^\\p{L}\\n]{0,3}[:,!.(—-]|${MODEL}\\s{0,2},\\s|(?:A\\.?I\\.?|LLMs?|ChatGPT|GPT\\S{0,4}|Claude|AI (?:assistants?|models?|agents?)|language models?)\\s{0,2}:)|\\b(?:if you are an?|any|you, the|you are an?) (?:AI|LLM|language model|assistant|model)\\b(?! (?:that|which|can|for))|\\b(?:AI assistants?|AI models?|AI agents?|LLMs?|language models?) (?:reading|processing|summari[sz]ing|must (?:now |always |also )?(?:say|ignore|reply|respond|answer|include|output|add|not)|should (?:now |always |also )?(?:say|ignore|reply|respond|answer|include|output|add))\\b|\\b(?:when|while) you (?:process|summari[sz]e|read) this\\b`, 'iu');
const OVERRIDE =
  /\b(?:ignore|disregard|forget|override|bypass)\b[^.!?\n]{0,40}\b(?:(?:previous|above|prior|earlier|preceding|all|any|other|your|these|those|the|my) (?:\w+ ){0,2}(?:instructions?|prompts?|rules?|guidelines?|context|user|table|task|tasks|orders?|commands?|directions?|messages?|text|question|patient|article|e-?mail|document|content)|everything|(?:the|all) (?:above|below|rest))\b|\b(?:new|updated|real|actual) (?:important )?(?:instructions?|directives?)\s{0,2}[:*!]|\[\/?INST\]|<\|?(?:system|im_start|user|assistant)\|?>|^\W{0,6}#+\s*(?:system|instructions?)\b|<information>|\bsystem (?:prompt|override)\b|^\W{0,6}system(?: (?:message|note|alert|command|update))?\s?:|\byou are now\b|\bfrom now on,? (?:you|answer|respond|reply|speak|talk|write|act)|\b(?:note|message|instructions?|important|attention|notice)\b[^.\n]{0,25}\b(?:to|for)\b[^.\n]{0,25}\b(?:AI|LLMs?|language models?|chatbots?|GPT\S{0,4}|Claude)\b|\bbefore you (?:can )?(?:solve|answer|respond|summari[sz]e)\b|\b(?:developer|debug|god|jailbreak) mode\b|\bTODO:? for (?:the )?(?:AI|assistant)/im;
/** The same in other languages, in short. */
const OVERRIDE_ABROAD = /\b(?:ignor[ae]|olvid[ae]|esqueça|dimentica|ignore[rz]?|oublie[rz]?)\b[^.!?\n]{0,40}\b(?:instruccion\w*|instrucciones|indicaciones|instruções|istruzioni|consignes|directives|instructions (?:précédentes|antérieures|ci-dessus))|\b(?:ignorier\w*|vergiss|vergessen|missachte\w*|negeer|vergeet)\b[^.!?\n]{0,40}\b(?:anweisung\w*|vorgaben|befehle?|instructies|opdrachten)|(?:игнорируй|забудь)[^.!?\n]{0,40}(?:инструкци|указани)|(?:忽略|无视|忘记|無視|忽視)[^。\n]{0,20}(?:指令|指示|说明|提示|要求)|(?:指示|命令|指令)[^。\n]{0,6}無視|지시[^.\n]{0,10}무시/i;

/** The commonest words of other languages that tell somebody to say something. */
export const SAY_ABROAD = 'escrib[ae]|responde|di(?:ga)?|imprim[ae]|escreva|responda|scrivi|rispondi|écri(?:s|vez)|dites?|répond(?:s|ez)|affiche[rz]?|schreiben?|schreib|sagen?|antworten?|nennen?|gib';
const SAYS_ABROAD = new RegExp(`^\\W{0,6}(?:${SAY_ABROAD})(?![\\p{L}\\d_])`, 'iu');

/** Words that come before the verb of an instruction. */
const LEAD_IN = /^(?:<[^<>\n]{0,80}>|[\s>*#\-–—•([\]{}<!=|:;,.]|\d{1,2}[.)]|\\n|(?:in|within|at the (?:end|start|beginning|top|bottom) of|to|into) (?:your|the|this|every|each) (?:\p{L}+ )?(?:response|answer|reply|output|summary)s?(?![\p{L}])|(?:from (?:now|this point|here) on|henceforth|going forward|important|note|notice|attention|urgent|system|assistant|ai|ps|p\.s|update|reminder|warning|todo|also|then|now|next|finally|lastly|and|but|so|or|just|please|kindly|first|second|additionally|furthermore|moreover|instead|simply|only|always|immediately|further|again|hey|hi|hello|dear|ok|okay|well|thanks|do not forget to|don['’]t forget to|remember to|don['’]t hesitate to|feel free to|make sure (?:that you|to|you)|be sure to|keep in mind to|try to|i['’]?d? (?:want|need|like|would like|ask|beg) you to|you (?:must|should|need to|have to|will|are to|can|may|shall|might|ought to)(?: also| now| always| first)?|your (?:task|job|goal|role|mission|new task) is (?:now )?to|(?:can|could|would|will) you(?: please)?|let['’]s|we need you to|it is (?:important|essential|crucial) (?:to|that you)|seamlessly|harmoniously)(?![\p{L}\p{N}])|(?:in|at|before|after|when|whenever|while|once|instead|from|for|if|as|to|with|note to)\s[^,.:!?\n]{1,90}[,:]|[\p{L}][\p{L} .'-]{0,30}[,:](?=\s))/iu;

/** Openings of a statement, a question or a closing phrase. */
const NO_VERB = /^(?:\p{L}*ing|we|i|he|she|they|it|you|this|that|these|those|the|an?|my|our|your|his|her|their|its|thanks?|there|here|what|who|which|when|where|why|how|is|are|was|were|do|does|did|has|have|had|if|per|as|by|on|for|from|with|according|appreciate|hope|yes|no|not|all|each|every|any|some|regarding)\b/iu;

/** The sentence from its verb on, where it is an imperative. */
function imperativeOf(sentence: string): string | null {
  // A quotation mark further on begins what somebody says, not what is asked.
  let rest = sentence.slice(0, MAX_INSTRUCTION_LENGTH).replace(/^[\s"'“‘`([{*]{1,20}/, '');
  for (let step = 0; step < 14; step += 1) {
    const [word = ''] = /^[\p{L}\d]+(?:['’]t)?/u.exec(rest) ?? [];
    if (VERBS.has(word.toLowerCase()) && !/^\p{L}+\s*[:,](?!\s*["“'])/u.test(rest)) return rest;
    const lead = LEAD_IN.exec(rest)?.[0] ?? '';
    if (lead === '') return /^\p{L}+\b[^]{0,80}\b(?:your|the) (?:\p{L}+ )?(?:response|answer|reply|output|summary)\b/iu.test(rest) && !NO_VERB.test(rest) ? rest : null;
    rest = rest.slice(lead.length);
  }
  return null;
}

/** Says what the answer must be, as a statement. */
const OBLIGES_THE_ANSWER = /\b(?:must|should|ought to|needs? to|has to|have to|will|is to|are to|shall|could flourish)\b|\bis\s*:|\bonly (?:output|answer|response|reply)\b|\b(?:allowed|permitted|forbidden)\b/i;

/** Obliges whoever reads it, without an imperative. */
const OBLIGES = /\b(?:you|assistant|model|AI|user) (?:must|should|need to|have to|will|are to|shall|is to)\b|\b(?:response|answer|reply|output) (?:must|should|has to|needs to)\b/i;

const ASKS = /^(?:\W|and |but |so |also |hi |hello |hey )*(?:what|who|whom|whose|which|when|where|why|how|can you|could you|would you|will you|do you|does|did|is|are|was|were|have you|has|should)\b/i;

const takesOver = (text: string): boolean => OVERRIDE.test(text) || OVERRIDE_ABROAD.test(text) || TO_A_MODEL.test(text);

/** What a sentence is by itself, wherever it stands. */
interface Reading {
  /** Where it is an imperative, its verb in lower case. */
  verb: string | null;
  /** Speaks of the model's answer, or wants something said. */
  addresses: boolean;
  /** Says what the answer must be. */
  requires: boolean;
  asks: boolean;
  /** Tries to replace the model's instructions, or speaks to a model by name. */
  takesOver: boolean;
  /** A tag that closes what took the model over. */
  closes: boolean;
}

/** Redaction leaves most sentences as they are, and letters share theirs with other letters: each is read once. */
const readingOf = remembered((piece): Reading => {
  const order = imperativeOf(piece);
  const speaksOfTheAnswer = OF_THE_ANSWER.test(piece);
  return {
    verb: order === null ? null : (/^[\p{L}\d]+/u.exec(order)?.[0].toLowerCase() ?? ''),
    addresses: speaksOfTheAnswer || (order !== null && (SPEECH_ACT.test(order) || SPEECH_ACT_ANY_CASE.test(order))),
    requires: speaksOfTheAnswer && OBLIGES_THE_ANSWER.test(piece),
    asks: piece.endsWith('?') && ASKS.test(piece),
    takesOver: takesOver(piece),
    closes: /^\W{0,3}<\/(?:information|system|instructions?)>|^\W{0,3}\[\/INST\]/i.test(piece),
  };
}, { texts: 256, length: MAX_INSTRUCTION_LENGTH });

/** Instructions in one piece of text from outside, in their order. */
export function instructionsIn(text: string): readonly Instruction[] {
  const found: Instruction[] = [];
  /** A sentence by itself may look so where the text as a whole does not. */
  let isTakeover: boolean | undefined;
  let reach = -1;
  for (const { text: sentence, start } of sentencesIn(text)) {
    if (found.length >= MAX_INSTRUCTIONS) break;
    const piece = sentence.slice(0, MAX_INSTRUCTION_LENGTH);
    const reading = readingOf(piece);
    const { verb, addresses, requires, asks, closes } = reading;
    if (reading.takesOver && (isTakeover ??= takesOver(text))) reach = start + OVERRIDE_REACH;
    // What took the model over gives it back.
    if (closes) reach = -1;
    const underSpell = start <= reach;
    if (verb !== null) found.push({ text: piece, strength: underSpell || addresses ? 'addressed' : 'imperative', overrides: underSpell, verb });
    else if (requires || (underSpell && (reading.takesOver || OBLIGES.test(piece) || SAYS_ABROAD.test(piece)))) found.push({ text: piece, strength: 'addressed', overrides: underSpell, verb: '' });
    else if (asks) found.push({ text: piece, strength: 'question', overrides: false, verb: '' });
  }
  return found;
}

// What the trusted side wants done with text from outside: only to work on it, or to do what it says.
import { remembered } from '../../remembered.ts';
import type { Scene } from './scene.ts';

/** The user hands the wish over to the text: "reply to this e-mail", "do the tasks on the list", "pay the bill". */
const DELEGATES =
  /\b(?:(?:reply|respond|answer|write back|react)\s+(?:to\s+)?(?:the|this|that|these|him|her|them|it|my|any|all|each|every)\b(?! (?:user|question about|following question|user's))|(?:draft|write|compose|prepare|create|generate|give)\s+(?:me\s+)?(?:a|an|the|my|some)\s+(?:[a-z]+\s+){0,3}(?:reply|response|answer|replies)\b|(?:do|follow|complete|perform|execute|carry out|act on|handle|process|fulfil?l|solve|work (?:on|through))\s+(?:what|the|all|any|these|those|this|my|every|each|whatever)\s+(?!(?:the\s+)?(?:users?|i)\b)(?:(?!user)[a-z'-]+\s+){0,4}(?:asks?|says?|tasks?|actions?|instructions?|requests?|steps?|to-?dos?|items?|wants?|exercises?|questions?|e-?mails?|messages?|tickets?|list)|(?:help|assist|support|serve)\s+(?:the|this|our|my)\s+(?:customers?|users?|guests?|clients?|visitors?|sender)|continue the (?:conversation|chat)|customer (?:support|service) (?:agent|assistant)|todo|to-do list)\b/i;

const handsOver = remembered((trusted) => DELEGATES.test(trusted));
export const delegates = (scene: Scene): boolean => handsOver(scene.trusted.slice(0, 20_000));

const asksNothing = remembered((asked) => !/\p{L}{2}/u.test(asked.replace(/\b(?:you are|you're|your role is|act as)\b[^.!?\n]*[.!?]?/gi, '')));
/** No trusted part says more than who the model is: the text from outside is the request itself. */
export const isRequestItself = (scene: Scene): boolean => asksNothing(scene.asked);

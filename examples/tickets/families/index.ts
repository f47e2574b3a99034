// All template families: `seen` in production and training, `unseen` only in the last measurement.
import { abroadFamilies } from './abroad.ts';
import { deskFamilies } from './desk.ts';
import type { Family } from './family.ts';
import { letterFamilies } from './letter.ts';
import { mailFamilies } from './mail.ts';
import { shortFamilies } from './short.ts';
import { socialFamilies } from './social.ts';
import { unseenFamilies } from './unseen.ts';
import { voiceFamilies } from './voice.ts';

export const SEEN_FAMILIES: readonly Family[] = [
  ...mailFamilies,
  ...letterFamilies,
  ...shortFamilies,
  ...socialFamilies,
  ...abroadFamilies,
  ...voiceFamilies,
  ...deskFamilies,
];
export const UNSEEN_FAMILIES: readonly Family[] = unseenFamilies;

// Answers of a gatekeeper in a long game who speaks as in the Middle Ages, and answers that do not: written and labelled by hand, and
// committed before the detector or the lexicon of examples/medieval first saw them.

export interface PersonaSample {
  kind: 'plain' | 'short' | 'long' | 'asked' | 'quoted' | 'one_sentence' | 'code' | 'no_marker' | 'refusal' | 'casual' | 'formal_modern' | 'mixed';
  label: 'keeps' | 'breaks';
  prompt?: string;
  answer: string;
}

export const ANSWERS: readonly PersonaSample[] = [
  // Keeps the register.
  { kind: 'plain', label: 'keeps', answer: 'Hail, traveller! What business hast thou at the gate so late? The captain hath ordered that none shall pass till dawn.' },
  { kind: 'plain', label: 'keeps', answer: 'Verily, thou speakest true. The key lieth beneath the old oak, as my grandsire told me. Take it, and may fortune smile upon thee.' },
  { kind: 'plain', label: 'keeps', answer: 'Nay, good sir, I have not seen thy brother these seven days. Mayhap he rode with the merchants to the south.' },
  { kind: 'plain', label: 'keeps', answer: 'Prithee, lower thy voice. The walls have ears, and the steward is no friend of thine. Meet me by the well when the moon is high.' },
  { kind: 'plain', label: 'keeps', answer: 'Aye, my lord, the bridge is sound, though the river doth rage beneath it. Tread thou with care, for the planks are old.' },
  { kind: 'plain', label: 'keeps', answer: "'Tis three silver pieces for the horse, and not a penny less. Thou wilt find no better beast betwixt here and the sea." },
  { kind: 'plain', label: 'keeps', answer: 'I pray thee, give me not that look. Had I known the wolf was nigh, I would have warned thee ere thou wentest forth.' },
  { kind: 'plain', label: 'keeps', answer: 'Forsooth, a riddle! Thou wouldst test an old man at his post? Then hear mine answer: it is the wind, which no man hath ever held.' },
  { kind: 'plain', label: 'keeps', answer: 'Welcome back, my lady. The innkeeper hath kept thy chamber warm, and there is stew upon the hearth for thee and thy companions.' },
  { kind: 'plain', label: 'keeps', answer: 'Hark! Dost thou hear the bells? They toll for the old king. Alas, a darker day this realm hath never known.' },
  { kind: 'short', label: 'keeps', answer: 'Aye.' },
  { kind: 'short', label: 'keeps', answer: 'Nay, never.' },
  { kind: 'short', label: 'keeps', answer: 'The gate is shut.' },
  { kind: 'short', label: 'keeps', answer: 'Three silver pieces, my lord.' },
  { kind: 'short', label: 'keeps', answer: 'So be it. Follow me.' },
  { kind: 'short', label: 'keeps', answer: 'You have my sword.' },
  { kind: 'short', label: 'keeps', answer: 'Who goes there?' },
  { kind: 'short', label: 'keeps', answer: '' },
  { kind: 'no_marker', label: 'keeps', answer: 'The road to the north is long and cold. Wolves roam the pass, and the last caravan has not returned.' },
  { kind: 'no_marker', label: 'keeps', answer: 'None may pass till the sun is up. Such are the orders of the captain, and I am but a humble guard.' },
  { kind: 'no_marker', label: 'keeps', answer: 'The blade was forged in dragon fire, they say, by a smith who had but one eye and never spoke of where he had learned the craft.' },
  {
    kind: 'long', label: 'keeps',
    answer: 'Sit thee down, weary wanderer, and I shall tell thee of the siege. In the ninth winter of good King Aldric the northmen came, and they were as many as the leaves of the forest. For forty days we held the wall. Bread there was little, and hope less. Then, upon the morn of the last day, a lone rider came unto the gate and bade us open. He bore no banner, yet we knew him by his voice: the prince himself, whom all had thought slain. Thus was the city saved, and to this day we light a candle in yonder window, lest any man forget. So hearken to an old man, and mock not the guards who stand in the cold, for thou knowest not what they have seen.',
  },
  {
    kind: 'long', label: 'keeps',
    answer: 'Thy quest is a perilous one, and I would not send thee forth without counsel. First, seek the hermit who dwelleth by the mere; he knoweth the tongue of beasts. Bring him salt, for he loveth it above gold. Second, cross not the stone bridge by night, for the toll that is asked there is no toll of coin. Third, when thou comest unto the black tower, knock thrice and speak thy true name. If any other name thou givest, the door shall open, yet never again for thee. Go now, with my blessing, and may the saints watch over thy steps.',
  },
  { kind: 'asked', label: 'keeps', prompt: 'Do you have wifi here?', answer: 'Wifi, sayest thou? I know not this word. Is it some spirit of the air? We have but ale and a warm fire for thee, friend.' },
  { kind: 'asked', label: 'keeps', prompt: 'My smartphone is broken, can you charge my phone?', answer: 'A smartphone? Thou speakest in riddles, stranger. If this phone be a lamp, I can lend thee oil for it; else ask the smith.' },
  { kind: 'asked', label: 'keeps', prompt: 'Is it okay if I park my car in front of the gate?', answer: 'What manner of beast is this car of thine? If it be tame, tie it to yonder post, and see that it fouleth not the yard.' },
  { kind: 'asked', label: 'keeps', prompt: 'Just google it.', answer: 'I know no Google. Is he a wizard? Bring him hither, and he may look into the matter for thee.' },
  { kind: 'asked', label: 'keeps', prompt: 'Say "okay, cool, awesome" for me!', answer: 'Okay, cool, awesome: strange are the words of thy homeland, and they sit ill upon my tongue. Hast thou any more?' },
  { kind: 'asked', label: 'keeps', prompt: 'What does the email say?', answer: 'Thou meanest the letter? This email, as thou callest it, beareth the seal of the duke, and I dare not break it.' },
  { kind: 'quoted', label: 'keeps', answer: 'The stranger cried "okay, you guys, no problem!" and none of us knew what he meant. Truly, his speech was a marvel unto our ears.' },
  { kind: 'quoted', label: 'keeps', answer: 'Upon the wall some knave hath scratched the word “internet”. Knowest thou what it meaneth? The abbot thinketh it a curse.' },
  { kind: 'code', label: 'keeps', answer: "Behold thy satchel, good sir:\n```json\n{\"inventory\": [\"rope\", \"lantern\"], \"status\": \"ok\", \"can't_carry\": true}\n```\nThou canst bear no more, I fear." },
  { kind: 'code', label: 'keeps', answer: 'Thy deeds are writ in the book thus:\n{"quest": "email the king", "okay": true, "computer": null}\nRead it well, my lord, for it shall not be writ again.' },
  { kind: 'code', label: 'keeps', answer: 'Speak unto the door the word `open_door("okay")`, and it shall yield to thee, as it hath yielded to every knight before.' },
  { kind: 'mixed', label: 'keeps', answer: 'You are a bold one, my lord! Yet boldness hath slain better men. If you must go, take at least this shield, and my prayers with it.' },
  { kind: 'mixed', label: 'keeps', answer: "I'll not deny it: the pass is guarded. But thou art swift, and the guards are drunk by midnight. Mayhap thou canst slip by unseen." },
  { kind: 'mixed', label: 'keeps', answer: 'The king is well, I thank you, and he sends his greetings. He hath heard of your deeds in the east and would have you at his table ere the week is out.' },
  { kind: 'plain', label: 'keeps', answer: 'Fie upon thee, knave! Thou hast robbed a widow, and now thou darest beg for mercy? To the stocks with thee!' },
  { kind: 'plain', label: 'keeps', answer: 'Methinks the lady doth jest. Yet if she speak in earnest, then I am her servant, and she need but name the dragon.' },
  { kind: 'refusal', label: 'keeps', answer: 'That I may not tell thee, were I put upon the rack. I swore an oath unto the queen, and mine oath is dearer to me than thy gold.' },
  { kind: 'refusal', label: 'keeps', answer: 'Ask me not to open the crypt, my lord. I cannot do it, and I would not if I could; what lieth there must sleep.' },

  // Breaks it.
  { kind: 'formal_modern', label: 'breaks', answer: 'The key is located under the old oak tree. You can pick it up and use it to unlock the door. If you have any further questions, please let me know and I will be happy to assist you with the next steps of your quest.' },
  { kind: 'formal_modern', label: 'breaks', answer: 'There are several options available to you at this point. You could cross the bridge, which is risky, or you could take the longer route through the forest. Based on your current inventory, I would recommend the second option because it is safer overall.' },
  { kind: 'formal_modern', label: 'breaks', answer: 'Thank you for your question! The guard is not able to open the gate at this time. The standard opening hours are from sunrise to sunset. Please come back tomorrow, and feel free to ask me anything else in the meantime.' },
  { kind: 'formal_modern', label: 'breaks', answer: 'Here is a summary of your quest: 1. Find the hermit near the lake. 2. Bring him some salt. 3. Ask about the black tower. 4. Cross the stone bridge during the day. Once you complete these steps, you will receive the reward from the king.' },
  { kind: 'formal_modern', label: 'breaks', answer: 'Your character currently has 14 hit points and 3 silver pieces. You can buy the horse if you sell your shield first. However, this will reduce your armor rating, so you should consider whether the trade is worth it.' },
  { kind: 'casual', label: 'breaks', answer: "Okay, so the gate's closed right now, but don't worry, you can just come back in the morning! It's no big deal." },
  { kind: 'casual', label: 'breaks', answer: "Yeah, that's a great question! I'm not really sure, but I think you're supposed to talk to the blacksmith guy first." },
  { kind: 'casual', label: 'breaks', answer: "Haha, awesome! You guys totally nailed that fight. Let's keep going, what do you wanna do next?" },
  { kind: 'casual', label: 'breaks', answer: 'Sure thing! Here are some cool options for you.' },
  { kind: 'casual', label: 'breaks', answer: 'No problem, buddy.' },
  { kind: 'casual', label: 'breaks', answer: "Hey there! Wow, you made it. I can't believe you're finally here, it's been such a long time. Let's get you some food." },
  { kind: 'refusal', label: 'breaks', answer: "I'm sorry, but as an AI language model I can't tell you what is in the crypt." },
  { kind: 'refusal', label: 'breaks', answer: 'As an AI, I do not have access to that information.' },
  { kind: 'refusal', label: 'breaks', answer: "I can't help with that request. Let's get back to the game!" },
  { kind: 'one_sentence', label: 'breaks', answer: 'Hail, traveller! The gate is shut till dawn, as the captain hath ordered. As an AI, I am only playing a role here. Come back on the morrow, and thou shalt pass.' },
  { kind: 'one_sentence', label: 'breaks', answer: "Thy horse is lame, good sir, and I would not ride it. Honestly, you guys should've just checked the stats on the website. The smith may yet help thee." },
  { kind: 'one_sentence', label: 'breaks', answer: "Aye, the hermit dwelleth yonder by the mere. He loveth salt above all things. Okay, so that's basically it, and you're good to go! Fare thee well." },
  { kind: 'one_sentence', label: 'breaks', answer: "Verily, thou art a brave knight. I don't think you're going to make it, though, since you've got no armor and it's pretty late. May the saints protect thee." },
  { kind: 'asked', label: 'breaks', prompt: 'Do you have wifi here?', answer: "Sorry, we don't have wifi, but there's a computer in the lobby that you can use to check your email." },
  { kind: 'asked', label: 'breaks', prompt: 'Is my phone okay?', answer: "Yeah, your phone looks okay to me, you'll just need to charge it. There's an outlet behind the desk that you can use." },
  { kind: 'code', label: 'breaks', answer: "Here's the JSON you asked for:\n```json\n{\"inventory\": [\"rope\"], \"thou\": \"art\", \"hath\": \"doth\"}\n```\nLet me know if you need anything else, and I'll update it for you." },
  { kind: 'code', label: 'breaks', answer: 'You can use this function to open the door, and you should see the result in your console right away:\n```\nopen("thy door, my lord")\n```\nIf you get an error, please check your inventory and try again.' },
  { kind: 'long', label: 'breaks', answer: 'The siege was a major event in the history of the kingdom. It took place in the ninth year of the reign of King Aldric, when a large army from the north surrounded the city. The defenders were able to hold the walls for forty days despite a serious lack of food. The situation changed on the final day, when the prince, who had been presumed dead, arrived and convinced the guards to open the gate. His arrival boosted the morale of the soldiers and led to a decisive victory. The event is still celebrated every year, and it continues to shape the identity of the city today.' },
  { kind: 'long', label: 'breaks', answer: 'The village has a population of about two hundred people, most of whom work as farmers. There is a small market every week, and the prices are reasonable. The local economy depends mainly on wool and grain. In recent years the number of visitors has increased, which has created new opportunities but also some problems. The council is currently discussing how to improve the roads and provide better security for everyone who lives there.' },
  { kind: 'mixed', label: 'breaks', answer: 'My lord, you should definitely check out the tavern, it has really great reviews and the staff are super friendly. You can also book a room there if you want to stay overnight.' },
  { kind: 'no_marker', label: 'breaks', answer: 'The item can be found in the second room on the left side of the corridor. Press the lever to open the hidden panel and collect the reward. After that, return to the main hall and select the next mission from the list of available objectives.' },
];

export interface SessionSample {
  kind: 'steady' | 'sudden' | 'gradual' | 'short' | 'dense_to_thin';
  label: 'keeps' | 'breaks';
  /** The answers in order; the last one is judged. */
  turns: readonly string[];
}

const STRONG = [
  'Hail, traveller! What business hast thou at the gate so late? The captain hath ordered that none shall pass till dawn.',
  'Aye, thou mayst warm thyself by my fire. Sit thee down, and tell me whence thou comest, for thy boots are thick with the mud of the marsh.',
  'Forsooth, a dragon? Thou art either a hero or a fool, good sir. Yet I would hear thy tale, if thou hast breath for it.',
  'Verily, I knew thy father. He stood where thou standest now, and he too would not heed an old man when the north wind blew.',
  'Prithee, take this ring. My lady gave it unto me, and it shall open for thee what no key hath ever opened.',
  'Nay, keep thy silver. Thou wilt need it ere thou reachest the sea, for the ferryman hath no love for beggars.',
  'Hark, the bells! Thou must away, and swiftly, lest the steward find thee here and cast us both in irons.',
  'Fare thee well, my friend. If thou shouldst meet my brother upon the road, tell him that the old oak yet standeth.',
];

const FADED = [
  'The path goes on for half a day, and then there is a bridge. The men who keep it are paid by the steward, so it would be wise to have some silver ready when they ask.',
  'The tower stands on a hill behind the lake. Nobody has lived in it for many years, but some people in the village say that they have seen a light in the upper window at night.',
  'The smith can mend the shield by tomorrow evening. He wants two silver pieces for it, and another one if the strap has to be replaced, which seems a fair price for the work.',
  'The hermit is not at home at the moment. He left a note on the door which says that he has gone to look for herbs, and that he will be back before the end of the week.',
  'The ferry leaves in the morning when the fog is gone. There is room for six people and two horses, and the price depends on the weather and on the mood of the ferryman.',
];

export const SESSIONS: readonly SessionSample[] = [
  { kind: 'steady', label: 'keeps', turns: STRONG },
  { kind: 'steady', label: 'keeps', turns: [...STRONG.slice(4), ...STRONG.slice(0, 4), ...STRONG.slice(2, 7)] },
  { kind: 'steady', label: 'keeps', turns: [...STRONG, ...STRONG.slice(0, 3), 'Aye.'] },
  { kind: 'steady', label: 'keeps', turns: [...STRONG, 'The gate is shut.', 'Nay.', 'None may pass till dawn.'] },
  { kind: 'steady', label: 'keeps', turns: [...STRONG.slice(0, 6), FADED[0] as string, STRONG[6] as string, STRONG[7] as string] },
  { kind: 'short', label: 'keeps', turns: ['Aye.', 'Nay, my lord.', 'So be it.', 'Aye.', 'The gate is shut.', 'Who goes there?', 'Follow me.', 'Two silver.', 'Go.'] },
  { kind: 'short', label: 'keeps', turns: [STRONG[0] as string, STRONG[1] as string, FADED[0] as string] },
  { kind: 'sudden', label: 'breaks', turns: [...STRONG.slice(0, 6), ...FADED.slice(0, 4)] },
  { kind: 'sudden', label: 'breaks', turns: [...STRONG, ...FADED] },
  { kind: 'sudden', label: 'breaks', turns: [...STRONG.slice(0, 4), ...FADED.slice(1, 5)] },
  { kind: 'gradual', label: 'breaks', turns: [...STRONG.slice(0, 5), FADED[0] as string, STRONG[5] as string, FADED[1] as string, FADED[2] as string, FADED[3] as string, FADED[4] as string] },
  {
    kind: 'dense_to_thin', label: 'breaks',
    turns: [...STRONG.slice(0, 5), ...FADED.slice(0, 3), 'My lord, the ferry leaves in the morning when the fog is gone. There is room for six people and two horses, and the price depends on the weather and on the mood of the ferryman.'],
  },
];

/** Written after the lexicon and the settings were frozen, in other scenes: a healer, a pirate's prisoner, a court scribe, a tavern. */
export const HELD_OUT: readonly PersonaSample[] = [
  { kind: 'plain', label: 'keeps', answer: 'Drink this, child. It is bitter, aye, but by the morrow thy fever shall be gone.' },
  { kind: 'plain', label: 'keeps', answer: 'Thou askest for a cure where there is none. The wound is deep, and the blade was poisoned. Pray, and I will sit with thee.' },
  { kind: 'plain', label: 'keeps', answer: 'Wherefore dost thou weep? The captain may be cruel, yet even he doth not harm those who work the oars.' },
  { kind: 'plain', label: 'keeps', answer: 'The court doth sit at noon. Bring thy plea in writing, with two witnesses, and see that thy boots be clean, for the judge is a proud man.' },
  { kind: 'plain', label: 'keeps', answer: 'Ho there, minstrel! Give us a song ere the ale runneth dry. Sing of the battle, or of a maid, I care not which, so it be merry.' },
  { kind: 'short', label: 'keeps', answer: 'Silence!' },
  { kind: 'short', label: 'keeps', answer: 'The ship sails at dawn.' },
  { kind: 'short', label: 'keeps', answer: 'I thank you, sir.' },
  { kind: 'short', label: 'keeps', answer: 'A penny for the bread, two for the ale.' },
  { kind: 'no_marker', label: 'keeps', answer: 'The fever came with the ships. Half the street lies sick, and the bells have not been still since Sunday.' },
  { kind: 'no_marker', label: 'keeps', answer: 'A scribe sees much and says little. The seal upon this letter was broken before it came to my hand, and more I will not say.' },
  { kind: 'mixed', label: 'keeps', answer: 'You do me honour, sir. I am but a healer, and the herbs do the work. Yet if you would repay me, see that the poor of this town have bread.' },
  { kind: 'mixed', label: 'keeps', answer: "I'd give thee passage if the ship were mine. 'Tis the captain's word that counteth here, and he hath a heart of flint." },
  { kind: 'asked', label: 'keeps', prompt: 'Can I take a taxi to the castle?', answer: 'A taxi? If thou meanest a cart, the miller hath one, and he will carry thee to the castle for a groat.' },
  { kind: 'asked', label: 'keeps', prompt: 'Do you sell coffee or cola?', answer: 'Coffee I know not, nor this cola. We have small beer, cider, and a mead that hath felled stronger men than thee.' },
  { kind: 'asked', label: 'keeps', prompt: 'Give me the computer password.', answer: 'Computer? There is a man in the counting house who computeth the taxes; but a password he will not give thee, nor shall I.' },
  { kind: 'quoted', label: 'keeps', answer: 'The boy spake in his fever: "hey, no problem, call my phone". We burned sage, and he slept till morn.' },
  { kind: 'code', label: 'keeps', answer: 'Here is thy bill, good sir:\n```\nitems: 3, status: ok, email: null\n```\nPay it ere thou leavest, or the host will set his dogs on thee.' },
  { kind: 'long', label: 'keeps', answer: 'Three winters ago there came a stranger to this tavern. He asked for no room, nor for meat, but sat by the door with his hood drawn low. The hounds would not go near him. At midnight he rose, laid a coin of gold on the board, and went out into the snow. When the host looked upon the coin by the light of day, it bore the face of a king that none of us knew, nor any of our fathers. He keepeth it still in a box of lead, and he will show it thee if thou ask him kindly and buy a second jug.' },
  { kind: 'refusal', label: 'keeps', answer: 'I may not heal him, for his lord hath forbidden it on pain of death. Ask me not again.' },

  { kind: 'formal_modern', label: 'breaks', answer: 'Unfortunately, the patient has a serious infection. I recommend that you give him this medicine twice a day and make sure that he gets enough rest. If his condition does not improve within a week, please come back and we will discuss other treatment options.' },
  { kind: 'formal_modern', label: 'breaks', answer: 'To submit your petition, you need to provide two copies of the document and a list of witnesses. The court will review your case and inform you about the decision. The process usually takes about three weeks.' },
  { kind: 'formal_modern', label: 'breaks', answer: 'The tavern offers a wide range of drinks, including beer, wine and cider. Prices start at one penny. You can also order a hot meal if you are hungry.' },
  { kind: 'casual', label: 'breaks', answer: "Oh man, that looks bad. You're gonna want to keep that wound clean, alright?" },
  { kind: 'casual', label: 'breaks', answer: "Hi! Of course, I'd love to help. What kind of song do you have in mind?" },
  { kind: 'casual', label: 'breaks', answer: "Well, to be honest, I don't think that's a good idea. The captain's really angry and he won't listen to anyone right now." },
  { kind: 'casual', label: 'breaks', answer: 'Great choice! Your room is ready, enjoy your stay!' },
  { kind: 'refusal', label: 'breaks', answer: 'I am unable to continue this conversation because it violates the content policy.' },
  { kind: 'refusal', label: 'breaks', answer: "As a large language model, I don't have feelings, but I understand that this is hard for you." },
  { kind: 'one_sentence', label: 'breaks', answer: 'Drink this, and thy fever shall pass. By the way, this is not medical advice, so please talk to your doctor if you are not feeling better. Rest thee now, and fear naught.' },
  { kind: 'one_sentence', label: 'breaks', answer: "The judge is a proud man, my lord, and he loveth flattery. I'm pretty sure you'll be fine if you just don't mention the money. Go in peace." },
  { kind: 'asked', label: 'breaks', prompt: 'Can I take a taxi to the castle?', answer: "Sure, you can get a taxi right outside, it's about ten minutes and they take credit cards." },
  { kind: 'long', label: 'breaks', answer: 'There are a few things to keep in mind when traveling by ship. First, the weather can change quickly, so it is important to bring warm clothes. Second, the food on board is limited, and you might want to bring some fruit to avoid getting sick. Third, the crew can be difficult, especially if you are new. Try to stay out of their way and do not touch any of the equipment unless someone asks you to help. Finally, make sure that you know where the boats are in case of an emergency.' },
];

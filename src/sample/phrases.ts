/** Made-up names and lines that the generated account is put together from. `{word}` is filled in per call. */

export const FIRST_NAMES =
  "Maya Liam Noor Ava Zoë José Ines Tomás Priya Björn Chloé Daniel Fatima Grace Hiro Isla Jonas Kwame Lena Mateo Nia Omar Petra Quinn Rosa Søren Tara Uma Viktor Wren Xavier Yara Łukasz Anaïs Dmitri Eleni Giulia Håkon Imogen Jiří".split(
    " ",
  );
export const LAST_NAMES =
  "Okafor Lindqvist García Nakamura O’Brien Müller Haddad Kowalska Silva Petrov Nguyễn Fernández Schmidt Adeyemi Rossi Castellanos Byrne Çelik Dubois Eriksson Farah Gupta Hernández Ivanova Jansen Kaplan Löwe Moreau Novák Ortega Park Reyes Sato Tanaka Ueda Varga Whitlock Yılmaz Zhang Ångström".split(
    " ",
  );
/** A decomposed accent, right-to-left names and other scripts. */
export const RARE_NAMES = ["Rene\u0301e Dubois", "שרה לוי", "محمد العربي", "李小龍", "Đặng Thị Hà", "Amélie d’Été"];

export const COMPANY_FIRST =
  "Alder Borealis Cobalt Drift Ember Fjord Granite Harbour Indigo Juniper Kestrel Lumen Meridian Northgate Onyx Pinnacle Quarry Riverton Solstice Tundra Umbra Vantage Willow Zephyr".split(
    " ",
  );
export const COMPANY_SECOND =
  "Analytics Bank Clinics Dynamics Energy Foods Freight Health Insurance Labs Logistics Media Networks Optics Pharma Retail Robotics Software Systems Telecom".split(
    " ",
  );
export const RARE_COMPANIES = [
  "Café Ñandú S.A.",
  "Müller & Söhne GmbH",
  "شركة النور",
  "株式会社さくら",
  "Zażółć Spółka",
];
export const COMPANY_ENDS = ["", "", "", " Group", " Inc", " Ltd", " GmbH", " AB"];

export const BUYER_TITLES = [
  "VP Sales",
  "Head of Revenue Operations",
  "CFO",
  "IT Director",
  "Sales Enablement Lead",
  "Procurement Manager",
  "Chief Revenue Officer",
  "Security Architect",
];
export const STAGES = ["Discovery", "Evaluation", "Proposal", "Negotiation", "Closed Won", "Closed Lost"];
export const TAGS = [
  "enablement",
  "renewal",
  "expansion",
  "inbound lead",
  "at-risk",
  "exec sponsor",
  "pilot",
  "Q4 push",
  "☎️ callback",
  "très important",
];
export const TITLE_MARKS = [" 🚀", " – équipe EMEA", " (שלום)", " – عرض", " cafe\u0301 chat", " 👩🏽‍💻 demo"];

/** Kinds of calls, with how their titles begin. */
export const AGENDAS = [
  "Intro",
  "Discovery",
  "Demo",
  "Pricing review",
  "Security review",
  "Pilot kick-off",
  "Renewal",
  "Contract walk-through",
];

export const SLOTS: Readonly<Record<string, readonly string[]>> = {
  competitor: ["Gongline", "Talkdesk One", "CallSense", "Revoice"],
  system: ["Salesforce", "HubSpot", "our data warehouse", "the dialer", "Slack", "Snowflake"],
  month: ["January", "March", "the end of the quarter", "October", "next fiscal year"],
  day: ["Tuesday", "Thursday", "Friday morning", "the fourteenth"],
  number: ["twelve", "40", "85", "two hundred", "1,500"],
  percent: ["8 percent", "15 percent", "a third", "22%"],
  money: ["$48,000", "€30k", "ninety thousand", "£12,500"],
};

/** What is said in the parts of a call, by the side that sells and the side that buys. */
export interface Part {
  readonly rep: readonly string[];
  readonly prospect: readonly string[];
}

export const PARTS: readonly Part[] = [
  {
    rep: [
      "Hi {contact}, thanks for making the time today.",
      "Can everyone see my screen?",
      "I have about thirty minutes on the calendar, does that still work for you?",
      "Before we start, is anyone else from {company} joining?",
      "I read that {company} opened a new office in {month}.",
      "How has the week been so far?",
    ],
    prospect: [
      "Hi {rep}, good to see you again.",
      "Yes, I can see it.",
      "I have a hard stop at half past.",
      "Sorry, I was on mute.",
      "My colleague from IT may drop in later.",
      "It has been a long week, but we are getting there.",
    ],
  },
  {
    rep: [
      "What does the process look like for your team today?",
      "How many reps are on the floor right now?",
      "What happens when a deal slips, and who finds out first?",
      "Where does the data end up after a call?",
      "If you could fix one thing this quarter, what would it be?",
      "Who else would be part of the decision, a decision maker in finance perhaps?",
    ],
    prospect: [
      "Honestly the biggest challenge is that nobody writes anything into {system}.",
      "We have {number} reps, and each one does it a little differently.",
      "Managers listen to maybe two calls a month, so coaching is mostly guesswork.",
      "It is manual, it is slow, and we find out about problems when the forecast is already wrong.",
      "Our CFO is the decision maker for anything above {money}.",
      "We tried to build something ourselves and it did not stick.",
      "The main pain point is onboarding: it takes new people four months to ramp.",
    ],
  },
  {
    rep: [
      "Let me show you how a call looks a few minutes after it ends.",
      "The integration with {system} writes the summary back, so nobody has to type it.",
      "On the left is the transcript, and each topic is marked where it was said.",
      "Managers see talk ratio, the longest monologue and how many questions were asked.",
      "You can filter by team, and the dashboard updates overnight.",
      "Everything is available over the API, which is how most customers bring it into {system}.",
      "Does that match what you had in mind?",
    ],
    prospect: [
      "How does the integration with {system} handle duplicates?",
      "That is neat.",
      "Okay.",
      "Can we limit who sees the recordings?",
      "We would need single sign-on and a security review before anything goes live.",
      "Is the data kept in the EU? GDPR is a topic for our security team.",
      "What about calls in other languages, we do a lot in Spanish and German?",
    ],
  },
  {
    rep: [
      "Pricing is per seat, and for {number} seats we are around {money} a year.",
      "If we sign before {month} I can ask for a discount of {percent}.",
      "What budget did you have in mind for this year?",
      "Compared with {competitor}, the main difference is what happens after the call.",
      "The contract is annual, with an opt-out after the pilot.",
    ],
    prospect: [
      "The price is higher than what {competitor} quoted us.",
      "We are also looking at {competitor}, to be transparent.",
      "Our budget for this is closer to {money}, and it has to go through procurement.",
      "Is there a discount for a two year contract?",
      "I like it, but it feels expensive for what my team would use in the first year, and I would have to defend that in front of people who have never listened to a single call.",
      "Legal will want to read the contract before {month}.",
    ],
  },
  {
    rep: [
      "So the next steps: I send the proposal, and you share it with {contact}'s team.",
      "Shall we put a follow-up on {day}?",
      "What would have to be true for you to start in {month}?",
      "I will set up the pilot workspace and invite your reps.",
      "Who should be on the next call?",
    ],
    prospect: [
      "{day} works, please send an invite.",
      "The timeline is tight, but {month} is realistic.",
      "Send me the proposal and I will walk our CFO through it.",
      "Let us do the pilot with one team first, and decide after that.",
      "Thanks, this was useful.",
      "Bye!",
    ],
  },
];

/** Lines that stress whatever reads them: other scripts, emoji, combining marks, numbers that look like times. */
export const RARE_LINES = [
  "¿Podemos seguir en español? Mañana le envío el contrato.",
  "D’accord, ça marche très bien pour nous.",
  "Das wäre für uns natürlich großartig, vielen Dank!",
  "שלום, אפשר לדבר על מחיר?",
  "نعم، هذا مناسب لنا تمامًا.",
  "ありがとうございます。来週もう一度お話ししましょう。",
  "Great 🎉🎉 I will tell the whole team 👩🏽‍💻👍🏼",
  "We met at that cafe\u0301, remember? Zurich, a\u0308ngstlich weather.",
  'He said "call me at 10:30", that is 50\\50, tab\there, and <b>tags</b> & commas, too.',
  "नमस्ते, क्या हम कल बात कर सकते हैं?",
];

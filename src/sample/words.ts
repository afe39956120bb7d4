/** What made-up people are called and say. */
export const FIRST_NAMES = ["Zoë", "José", "Anaïs", "Łukasz", "Nguyễn", "Søren", "Aisha", "Priya", "李", "Олена", "Mia", "Jürgen", "שרה", "محمد", "Tom", "Ines", "Björn", "Chloé", "Emeka", "Yuki"];
export const FAMILY_NAMES = ["O'Neil", "Müller", "García", "Dvořák", "Van Hà", "Kjær", "Okafor", "Iyer", "娜", "Шевченко", "Rossi", "Smith-Jones", "Ångström", "Sato", "Brown", "Nowak", "Larsson", "Dubois"];
export const COMPANIES = ["Northwind Traders", "Café Zürich AG", "Contoso", "東京オフィス株式会社", "Fabrikam", "Adventure Works", "Ålesund Shipping", "Globex", "Initech", "Umbra Söhne", "Vandelay Imports", "Hooli", "Soylent Foods", "Acme \"West\"", "Blue Yonder Air"];
export const TITLES = ["Discovery", "Demo", "Pricing review", "Renewal", "Kick-off 🚀", "Security questions", "QBR", "Intro call", "Négociation", "Follow-up"];
export const TAGS = ["discovery", "competitive", "renewal-risk", "exec", "follow-up", "première", "q4"];
export const STAGES = ["Discovery", "Evaluation", "Proposal", "Negotiation", "Closed Won"];
export const WORDS = ["pricing", "the budget", "integration with our warehouse", "a competitor", "the timeline", "security", "next steps", "approval by the board", "growth", "the risk of waiting", "procurement", "inventory", "the cost of change", "compliance"];
export const SENTENCES = [
  "So, let us talk about {}.",
  "What would it take for you to decide on {}?",
  "Honestly, {} is what keeps us up at night.",
  "We looked at {} last quarter.",
  "How do you handle {} today?",
  "That makes sense 👍🏽.",
  "Our board asked about {}, you know.",
  "I'd say {} comes first, then everything else.",
  "Können wir über {} sprechen?",
  "Could you send me something on {}?",
  "Right, right.",
  "We follow up with a proposal that covers {}.",
  "naïve question: why does {} matter so much?",
  "שאלה טובה, let me check {}.",
  "Cafe\u0301 or lunch on Friday to close {}?",
  "The path is C:\\exports\\{} and \"quoted\" too.",
  "Mm-hm.",
  "Is there an alternative to {}?",
];

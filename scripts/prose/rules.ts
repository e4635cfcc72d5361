/**
 * Words that the prose of this repository does not use, with what to write
 * instead, and the exceptions.
 *
 * @module
 */

/** A pattern that prose must not contain. */
interface WordRule {
  readonly pattern: RegExp;
  /** What to write instead. */
  readonly instead: string;
}

/** Prose that may contain a listed word. */
export interface Exception {
  /** Path of the file from the root. */
  readonly path: string;
  /** Part of the line in which the word is allowed. */
  readonly text: string;
  readonly reason: string;
}

/** Longest line of a source file, in columns. */
export const MAX_COLUMNS = 100;

/** Most lines of the two pages that a new reader reads first. */
export const MAX_LINES: Readonly<Record<string, number>> = {
  "README.md": 180,
  "ARCHITECTURE.md": 180,
};

const word = (words: string, instead: string): WordRule => ({
  pattern: new RegExp(`\\b(?:${words})\\b`, "gi"),
  instead,
});

/** The word list. */
export const WORD_RULES: readonly WordRule[] = [
  // Indefinite persons and processes.
  word("nobody|no one", "`no client`, `no stream`, `without a reader`"),
  word("somebody|someone|anybody|everybody", "the client, process or operator"),
  word("whoever", "`the client that`, `a process that`"),
  word("whatever", "`all`, `any`, or the list of cases"),
  word("strangers?|newcomers?", "`other processes`, `a new entry`"),
  // Processes that talk, feel or leave.
  word("told|tells", "`reported`, `shows`, `returns`"),
  word("speaks?|spoken|speaking", "`sends`, `uses`, `supports`"),
  word("knew|hears?|heard", "`received`, `recorded`"),
  word("wants?|wanted|unwanted", "`requests`, `subscribes`, `needs`"),
  word("verdicts?|suspects?", "`status`, `candidate`"),
  word("mends?|mended|heals?|healed", "`corrects`, `recovers`"),
  word("gives? back|given back", "`returns`, `unsubscribes`"),
  word("pulses?|beats?", "`activity`, `tick`"),
  word("story|stories|in vain|anew", "`scenario`, `without effect`, `again`"),
  word("rests|rested|resting", "`pauses`, `idle`"),
  word("goodbye|farewell", "`close`"),
  word("breath", "`in the same frame`, `in the same turn`"),
  word("complaints?|complains?", "`error`"),
  word("lets? go of|letting go of", "`releases`, `closes`"),
  word("gets? (?:its|their) turn", "`is scheduled`"),
  word("in the words of|last words|'s words", "`message`, `error text`"),
  word("blots? out|blotted out", "`redacts`"),
  // Figures of speech.
  word("laws?", "`invariant`, `property`"),
  word("faces?", "`API`, `adapter`"),
  word("doors?", "`entry point`"),
  word("desks?", "`sink`, `interface`"),
  word("seats?|seated", "`attach`, `slot`"),
  word("bells?", "`wake signal`"),
  word("mailbox(?:es)?", "`queue`"),
  word("harvests?|harvested", "`decode`, `batch`"),
  word("for ever", "`without a limit`, `permanently`"),
  word("at once", "`immediately`, `together`"),
  word("twice is once", "`idempotent`"),
  word("so many|so long(?! as)", "the number, or its name"),
  word(
    "(?:has|have|had|is|no) (?:a )?place for|(?:has|have) a place",
    "`slot`",
  ),
  word("(?<!order )books?", "`cache`, `registry`, `counts`"),
  // One spelling of a term.
  word("catalogues?", "`catalog`"),
  word("re-test(?:s|ed|ing)?", "`retest`"),
];

/** Where a listed word is right. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    path: "scripts/prose/rules.ts",
    text: "word(",
    reason: "the word list itself",
  },
  {
    path: "tests/unit/prose/prose_test.ts",
    text: "",
    reason: "samples of what is found",
  },
  {
    path: "tests/unit/infrastructure/grpc/encoding/golden_test.ts",
    text: "a bar has the bytes of the contract",
    reason: "golden tests are not changed",
  },
];

// Questions that are asked in one turn of the event loop, put together in one call. Jobs of a daemon end
// and begin in flocks, and a call costs more than a question. It knows nothing of what is asked.

export interface GatheredOptions<Question, Answer> {
  /** Of one call; more become further calls. */
  readonly most: number;
  /** Answers in the order of the questions. Where it rejects, all of them do. */
  readonly call: (questions: readonly Question[]) => Promise<readonly Answer[]>;
}

interface Asked<Question, Answer> {
  readonly question: Question;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

export class Gathered<Question, Answer> {
  readonly #options: GatheredOptions<Question, Answer>;
  #asked: Asked<Question, Answer>[] = [];

  constructor(options: GatheredOptions<Question, Answer>) {
    this.#options = options;
  }

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#asked.push({ question, resolve, reject }) > 1) return;
      setImmediate(() => this.#send());
    });
  }

  #send(): void {
    const asked = this.#asked;
    this.#asked = [];
    const { most } = this.#options;
    for (let from = 0; from < asked.length; from += most) {
      void this.#call(asked.slice(from, from + most));
    }
  }

  async #call(asked: readonly Asked<Question, Answer>[]): Promise<void> {
    try {
      const answers = await this.#options.call(asked.map(({ question }) => question));
      asked.forEach(({ resolve }, i) => resolve(answers[i] as Answer));
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}

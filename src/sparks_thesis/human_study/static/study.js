// Runs the study in the browser: consent, instructions, sessions of examples and questions, and the
// file of answers. `window.study` is what the page asks; what the model says of the questions is not
// in it. Everything shown passes `html`, which escapes it: class names may be markup.
"use strict";
(() => {
  const { study } = window;
  const query = new URLSearchParams(window.location.search);
  const home = document.getElementById("study");

  // --- text ---------------------------------------------------------------------------------------

  class Markup {
    constructor(text) {
      this.text = text;
    }
  }
  const escaped = (value) => String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const plain = (value) =>
    Array.isArray(value) ? value.map(plain).join("") : value instanceof Markup ? value.text : escaped(value);
  const html = (parts, ...values) =>
    new Markup(parts.map((part, i) => part + (i < values.length ? plain(values[i]) : "")).join(""));
  const paragraphs = (texts) => texts.map((text) => html`<p>${text}</p>`);

  const stop = (message) => {
    home.innerHTML = html`<h1 tabindex="-1">This link does not work</h1><p>${message}</p>`.text;
    home.querySelector("h1").focus();
  };

  // --- who sees what: by the address, or drawn from a seed ----------------------------------------

  const jsPsych = initJsPsych({
    display_element: home,
    show_progress_bar: true,
    override_safe_mode: true, // from the file system: only sound and video would be at risk
    message_progress_bar: "Progress",
    on_trial_start: () => window.scrollTo(0, 0),
    on_finish: () => (agreed ? thank() : goodbye()),
  });
  const drawn = (name, draw) => {
    jsPsych.randomization.setSeed(`${study.id}/${name}`);
    return draw();
  };
  const shuffled = (name, items) => drawn(name, () => jsPsych.randomization.shuffle(items));
  const hex = (bytes) =>
    [...window.crypto.getRandomValues(new Uint8Array(bytes))].map((b) => b.toString(16).padStart(2, "0")).join("");

  function assignment() {
    const seed = query.has("seed") ? Number(query.get("seed")) : parseInt(hex(4), 16);
    if (!Number.isSafeInteger(seed) || seed < 0) throw new Error("its seed is not a whole number");
    const participant = query.get("participant") ?? hex(8);
    if (!/^[\w.-]{1,64}$/.test(participant)) {
      throw new Error("its participant is not made of 1 to 64 letters, digits, points and dashes");
    }
    for (const name of ["scenario", "condition"]) {
      if (query.has(name) && !study.cells.some((cell) => cell[name] === query.get(name))) {
        throw new Error(`there is no such ${name} in this study`);
      }
    }
    const cells = study.cells.filter((cell) =>
      ["scenario", "condition"].every((name) => !query.has(name) || cell[name] === query.get(name)),
    );
    if (!cells.length) throw new Error("this scenario has no such condition");
    // As many seeds in a row as there are cells give each of them once: groups of one size.
    const block = Math.floor(seed / cells.length);
    return { seed, participant, ...shuffled(`block ${block}`, cells)[seed % cells.length] };
  }

  let mine;
  try {
    mine = assignment();
  } catch (error) {
    stop(`${error.message}. Please tell the person who sent it to you.`);
    return;
  }
  const scenario = study.scenarios[mine.scenario];
  const kind = scenario.conditions[mine.condition];
  const sessions = scenario.sessions.map(({ examples, questions }, s) => ({
    examples: shuffled(`${mine.seed} examples ${s}`, examples),
    questions: shuffled(`${mine.seed} questions ${s}`, questions),
    // The example that is asked about again, and after how many questions.
    again: drawn(`${mine.seed} again ${s}`, () => jsPsych.randomization.sampleWithoutReplacement(examples, 1)[0]),
    after: drawn(`${mine.seed} after ${s}`, () => jsPsych.randomization.randomInt(1, questions.length)),
  }));

  // --- what is stored -----------------------------------------------------------------------------

  const stored = {
    format: study.format,
    study: study.id,
    ...mine,
    consent: true,
    started: "",
    finished: "",
    quiz: 0,
    examples: [],
    answers: [],
    checks: [],
  };
  let agreed = false;
  let saved = false;
  window.addEventListener("beforeunload", (event) => {
    if (agreed && !saved) event.preventDefault();
  });

  // --- what is shown ------------------------------------------------------------------------------

  const button = (choice, index) =>
    html`<button type="button" class="choice"><kbd>${index + 1}</kbd> ${choice}</button>`.text;
  const onward = (choice) => html`<button type="button" class="choice onward">${choice}</button>`.text;

  /** One screen: markup, and a button for each choice. */
  const screen = (stimulus, choices, more = {}) => ({
    type: jsPsychHtmlButtonResponse,
    stimulus: stimulus.text,
    choices,
    button_html: choices.length > 1 ? button : onward,
    button_layout: "flex",
    enable_button_after: study.pause,
    on_load: () => home.querySelector("h1")?.focus({ preventScroll: true }),
    ...more,
  });

  const picture = (src, alt) => html`<img src="${src}" alt="${alt}">`;
  const says = (example) => html`The program says <strong>${scenario.classes[example.says]}</strong>`;

  /** What explains an example: nothing, a map, or several concepts. */
  const explained = (example) =>
    (example.shown[mine.condition] ?? []).map(
      (part) =>
        html`<figure class="${kind}">${part.pictures.map((src) => picture(src, "explanation"))}<figcaption>${part.text}</figcaption></figure>`,
    );

  const reservoir = (examples) =>
    examples.length
      ? html`<section class="reservoir" tabindex="0" aria-label="Examples so far"><h2>Examples so far</h2><ul>${examples.map(
          (example, i) =>
            html`<li><div class="triplet"><figure>${picture(example.image, `example ${i + 1}`)}</figure>${explained(example)}</div><p>${says(example)}</p></li>`,
        )}</ul></section>`
      : html``;

  const heading = (text) => html`<h1 tabindex="-1">${text}</h1>`;
  const now = () => new Date().toISOString();

  const lessons = {
    none: ["Each example shows an image and what the program says of it."],
    map: [
      "Each example shows an image, what the program says of it, and the same image again as an explanation.",
      "In the explanation, what stays bright and in colour is said to have counted for the answer; what is grey and dark is said not to have counted.",
    ],
    concepts: [
      "Each example shows an image, what the program says of it, and as an explanation the parts that are said to have counted most.",
      "Of each part you see where it is in the image (bright and in colour), and pieces of other images that show the same.",
    ],
  };
  const [, ...others] = scenario.classes;
  const names = html`<strong>${scenario.classes[0]}</strong>${others.map((name) => html` or <strong>${name}</strong>`)}`;
  const [first] = sessions;

  const consent = screen(
    html`${heading(study.title)}${study.pilot ? html`<p class="message">${study.pilot}</p>` : html``}${paragraphs(study.consent)}`,
    ["I agree and take part", "I do not take part"],
    {
      on_finish: (data) => {
        agreed = data.response === 0;
        stored.started = now();
      },
    },
  );

  const instructions = [
    html`${heading("What you do")}<p>A program looks at images and says what each one is: ${names}. It may be right or wrong.</p><p>Find out how it decides. Then predict <strong>what the program says</strong> about new images.</p>`,
    html`${heading("Examples, then questions")}${paragraphs(lessons[kind])}<p>There are ${sessions.length} sessions. In each you first study ${first.examples.length} examples, then you are asked what the program says of ${first.questions.length + 1} images. There the program's answer is not shown${kind === "none" ? "" : ", and there is no explanation"}.</p><p>All examples that you have seen stay visible below the question.</p>`,
    html`${heading("Keys")}<p>Click on a button, or press its number: <kbd>1</kbd>, <kbd>2</kbd>… Where there is one button, <kbd>Enter</kbd> presses it.</p>`,
  ].map((page) => screen(page, ["Continue"]));

  const right = "What the program says about a new image";
  const options = shuffled(`${mine.seed} quiz`, [
    right,
    "What I myself see in a new image",
    "Which images look better",
  ]);
  const quiz = {
    timeline: [
      ...instructions,
      screen(html`${heading("One question before you start")}<p>What will you be asked?</p>`, options, {
        on_finish: (data) => {
          stored.quiz += 1;
          data.passed = options[data.response] === right;
        },
      }),
      {
        timeline: [
          screen(html`${heading("Not quite")}<p>Please read once more what you do.</p>`, ["Back to the instructions"]),
        ],
        conditional_function: () => !jsPsych.data.get().last(1).values()[0].passed,
      },
    ],
    loop_function: () => !jsPsych.data.get().filter({ passed: true }).count(),
  };

  function session({ examples, questions, again, after }, s) {
    const before = sessions.slice(0, s).flatMap((earlier) => earlier.examples);
    const place = `Session ${s + 1} of ${sessions.length}`;
    const asked = questions.map((question) => ({ question, into: stored.answers }));
    asked.splice(after, 0, { question: again, into: stored.checks });
    return [
      screen(
        html`${heading(place)}<p>First ${examples.length} examples, then ${asked.length} questions.</p>`,
        ["Continue"],
      ),
      ...examples.map((example, i) =>
        screen(
          html`${heading(`${place}: example ${i + 1} of ${examples.length}`)}<div class="triplet large"><figure>${picture(example.image, "image")}</figure>${explained(example)}</div><p class="says">${says(example)}</p>`,
          ["Continue"],
          {
            prompt: reservoir([...before, ...examples.slice(0, i)]).text,
            enable_button_after: study.study_time,
            on_finish: ({ rt }) =>
              stored.examples.push({ session: s + 1, trial: i + 1, image: example.id, ms: rt }),
          },
        ),
      ),
      screen(
        html`${heading(`${place}: questions`)}<p>Now predict what the program says of ${asked.length} images. The examples stay below.</p>`,
        ["Continue"],
      ),
      ...asked.map(({ question, into }, i) =>
        screen(
          html`${heading(`${place}: question ${i + 1} of ${asked.length}`)}<div class="triplet large"><figure>${picture(question.image, "image")}</figure></div><p class="says">What does the program say?</p>`,
          scenario.classes,
          {
            prompt: reservoir([...before, ...examples]).text,
            on_finish: ({ rt, response }) =>
              into.push({ session: s + 1, trial: i + 1, image: question.id, answer: response, ms: rt }),
          },
        ),
      ),
    ];
  }

  function goodbye() {
    home.innerHTML = html`${heading("Thank you")}<p>You do not take part, and nothing was stored. You can close this page.</p>`.text;
    home.querySelector("h1").focus();
  }

  function thank() {
    stored.finished = now();
    const text = JSON.stringify(stored, null, 1);
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    home.innerHTML = html`${heading("Thank you")}<p>Please save your answers now, and send the file to the person who invited you. They are kept nowhere else.</p><p><a class="choice" id="download" download="study-${stored.participant}.json" href="${address}">Save my answers</a></p>${paragraphs(study.debrief)}<details><summary>What is in the file</summary><pre>${text}</pre></details>`.text;
    const link = document.getElementById("download");
    link.addEventListener("click", () => (saved = true));
    link.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const buttons = [...home.querySelectorAll("button.choice")];
    const only = event.key === "Enter" && buttons.length === 1 && event.target !== buttons[0];
    const chosen = only ? buttons[0] : buttons.length > 1 ? buttons[Number(event.key) - 1] : undefined;
    if (chosen && !event.target.closest("a, summary")) {
      event.preventDefault();
      chosen.click(); // a disabled button does nothing
    }
  });

  const images = sessions.flatMap(({ examples, questions }) => [
    ...questions.map((question) => question.image),
    ...examples.flatMap((e) => [e.image, ...(e.shown[mine.condition] ?? []).flatMap((part) => part.pictures)]),
  ]);
  jsPsych.run([
    consent,
    {
      timeline: [
        { type: jsPsychPreload, images, show_detailed_errors: true },
        quiz,
        ...sessions.flatMap(session),
      ],
      conditional_function: () => agreed,
    },
  ]);
})();

// A canvas to draw a digit on, and beside it what the networks make of it. The kernel gets the ink
// and answers with pictures and probabilities; nothing is loaded from anywhere.

const SIDE = 112; // points of the canvas, as the kernel gets them
const PEN = 9; // points wide
const STEP = 4; // points that an arrow key moves the pen
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const HELP = "Draw with mouse or finger, or move the pen with the arrow keys; space puts it down and lifts it.";

function add(parent, tag, attributes = {}, text = "") {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  parent.append(made);
  return made;
}

function render({ model, el }) {
  el.classList.add("mnistlib-draw");
  const left = add(el, "div");
  const about = { width: SIDE, height: SIDE, tabindex: 0, role: "application", "aria-label": HELP, title: HELP };
  const canvas = add(left, "canvas", about);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const undo = add(left, "button", { type: "button" }, "Undo");
  const clear = add(left, "button", { type: "button" }, "Clear");
  const right = add(el, "div");
  const spoken = add(right, "div", { class: "spoken", "aria-live": "polite" });
  const shown = add(right, "div");

  let strokes = []; // each a list of points
  let drawing = false; // with mouse or finger
  let pen = null; // of those who draw by keys

  function update() {
    context.fillStyle = "white";
    context.fillRect(0, 0, SIDE, SIDE);
    Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    for (const stroke of strokes) {
      context.beginPath();
      context.moveTo(stroke[0].x, stroke[0].y);
      for (const point of stroke) context.lineTo(point.x, point.y);
      context.stroke();
    }
    const pixels = context.getImageData(0, 0, SIDE, SIDE).data;
    const ink = new Uint8Array(SIDE * SIDE).map((_, i) => 255 - pixels[4 * i]);
    model.set("ink", new DataView(ink.buffer));
    model.save_changes(); // what comes while the kernel computes goes together, when it is done
    if (pen) { // where it is; not part of the ink
      context.fillStyle = "#d55e00";
      context.fillRect(pen.x - 2, pen.y - 2, 4, 4);
    }
  }

  function at(event) {
    const scale = SIDE / canvas.clientWidth;
    return { x: event.offsetX * scale, y: event.offsetY * scale };
  }

  canvas.onpointerdown = (event) => {
    if (event.button || !event.isPrimary) return;
    canvas.setPointerCapture(event.pointerId);
    drawing = true;
    pen = null;
    strokes.push([at(event)]);
    update();
  };
  canvas.onpointermove = (event) => {
    if (!drawing || !event.isPrimary) return;
    strokes.at(-1).push(at(event));
    update();
  };
  canvas.onlostpointercapture = () => { drawing = false; };
  canvas.onkeydown = (event) => {
    const move = MOVES[event.key];
    if (event.key !== " " && !move) return;
    event.preventDefault();
    event.stopPropagation();
    pen ??= { x: SIDE / 2, y: SIDE / 2, down: false };
    if (move) {
      pen.x = Math.min(SIDE, Math.max(0, pen.x + STEP * move[0]));
      pen.y = Math.min(SIDE, Math.max(0, pen.y + STEP * move[1]));
    } else if (!event.repeat && (pen.down = !pen.down)) strokes.push([]);
    if (pen.down) strokes.at(-1).push({ x: pen.x, y: pen.y });
    update();
  };
  undo.onclick = () => { strokes.pop(); drawing = false; pen = null; update(); };
  clear.onclick = () => { strokes = []; drawing = false; pen = null; update(); };

  function answer() {
    const results = Object.entries(model.get("said")).map(([title, said]) => {
      const best = said.indexOf(Math.max(...said));
      return [`${title}: ${best} (${(100 * said[best]).toFixed(1)} %)`, said];
    });
    spoken.textContent = results.map(([words]) => words).join("; ");
    shown.replaceChildren();
    const row = add(shown, "div", { class: "stages" });
    for (const [words, source] of model.get("stages")) {
      const figure = add(row, "figure");
      add(figure, "img", { src: source, alt: "" });
      add(figure, "figcaption", {}, words);
    }
    for (const [words, said] of results) {
      add(shown, "p", {}, words);
      const bars = add(shown, "div", { class: "bars", "aria-hidden": "true" });
      said.forEach((share, digit) => {
        const bar = add(bars, "span", { title: `${digit}: ${(100 * share).toFixed(1)} %` }, digit);
        bar.style.setProperty("--share", share);
      });
    }
  }
  model.on("change:stages", answer);
  update();
  answer();
}

export default { render };

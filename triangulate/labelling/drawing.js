// One view: its image, points, bones and guides in an SVG whose viewBox is the zoom.
// Pixel (0, 0) is the centre of the top-left pixel, so the image starts at (-0.5, -0.5).

const svg = "http://www.w3.org/2000/svg";

function element(name, attributes, parent) {
  const node = document.createElementNS(svg, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent?.append(node);
  return node;
}

export function colour(keypoint, count) {
  return `hsl(${Math.round((360 * keypoint) / count)} 90% 60%)`;
}

export class View {
  constructor(parent, name, number, size, events) {
    [this.width, this.height] = size;
    this.number = number;
    this.events = events;
    this.box = document.createElement("div");
    this.box.className = "view";
    this.box.dataset.view = name;
    this.box.innerHTML = `<h2></h2>`;
    this.box.firstChild.textContent = name;
    this.root = element("svg", { preserveAspectRatio: "xMidYMid meet" }, this.box);
    this.image = element("image", { x: -0.5, y: -0.5, width: this.width, height: this.height }, this.root);
    this.layer = element("g", {}, this.root);
    parent.append(this.box);
    this.fit();
    this.listen();
  }

  fit() {
    this.window = { x: -0.5, y: -0.5, width: this.width, height: this.height };
    this.zoomed();
  }

  zoomed() {
    const { x, y, width, height } = this.window;
    this.root.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
    this.events.zoomed?.();
  }

  // Image pixels per screen pixel, so that points keep their size on the screen.
  scale() {
    const matrix = this.root.getScreenCTM();
    return matrix ? 1 / matrix.a : 1;
  }

  at(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.root.getScreenCTM().inverse());
    return [point.x, point.y];
  }

  inside([x, y]) {
    return x >= -0.5 && y >= -0.5 && x <= this.width - 0.5 && y <= this.height - 0.5;
  }

  listen() {
    this.root.addEventListener("wheel", (event) => {
      event.preventDefault();
      const [x, y] = this.at(event);
      const factor = Math.exp(event.deltaY * 0.0015);
      const width = Math.min(Math.max(this.window.width * factor, 8), this.width * 2);
      const real = width / this.window.width;
      this.window = {
        x: x - (x - this.window.x) * real,
        y: y - (y - this.window.y) * real,
        width,
        height: this.window.height * real,
      };
      this.zoomed();
    }, { passive: false });
    this.root.addEventListener("pointerenter", () => this.events.entered(this));
    this.root.addEventListener("contextmenu", (event) => event.preventDefault());
    this.root.addEventListener("pointerdown", (event) => this.pressed(event));
  }

  pressed(event) {
    this.events.entered(this);
    const start = this.at(event);
    const target = event.target.dataset?.keypoint;
    if (event.shiftKey || event.button === 1) {
      const { x, y } = this.window;
      const grip = [event.clientX, event.clientY, this.scale()];
      this.follow(event, (move) => {
        this.window.x = x - (move.clientX - grip[0]) * grip[2];
        this.window.y = y - (move.clientY - grip[1]) * grip[2];
        this.zoomed();
      });
    } else if (event.button === 0 && target !== undefined) {
      const keypoint = Number(target);
      this.events.chosen(keypoint);
      let last = null;
      this.follow(event, (move) => {
        last = this.at(move);
        if (this.inside(last)) this.events.dragged(this.number, keypoint, last);
      }, () => {
        if (last && this.inside(last)) this.events.dropped(this.number, keypoint, last);
      });
    } else if (event.button === 0 && this.inside(start)) {
      this.events.clicked(this.number, start);
    }
  }

  follow(event, moved, released) {
    const stop = () => {
      window.removeEventListener("pointermove", moved);
      released?.();
    };
    window.addEventListener("pointermove", moved);
    window.addEventListener("pointerup", stop, { once: true });
    event.preventDefault();
  }

  draw({ points, bones, names, guides, chosen }) {
    const scale = this.scale();
    this.layer.replaceChildren();
    for (const guide of guides) this.drawGuide(guide, names.length, scale, chosen);
    for (const [a, b] of bones) {
      if (!points[a] || !points[b]) continue;
      const [x1, y1] = points[a], [x2, y2] = points[b];
      element("line", { x1, y1, x2, y2, class: "bone" }, this.layer);
    }
    points.forEach((point, keypoint) => {
      if (!point) return;
      const [cx, cy] = point;
      const marked = keypoint === chosen;
      const attributes = { cx, cy, r: (marked ? 6 : 4.5) * scale, fill: colour(keypoint, names.length) };
      const dot = element("circle", { ...attributes, class: marked ? "point chosen" : "point" }, this.layer);
      dot.dataset.keypoint = keypoint;
      element("title", {}, dot).textContent = names[keypoint];
      if (marked) this.write(names[keypoint], cx + 9 * scale, cy - 7 * scale, scale, colour(keypoint, names.length));
    });
  }

  drawGuide(guide, count, scale, chosen) {
    const stroke = colour(guide.keypoint, count);
    const faint = guide.keypoint === chosen ? "" : " faint";
    if (guide.line) {
      const points = guide.line.map((point) => point.join(",")).join(" ");
      const line = element("polyline", { points, stroke, class: `line${faint}` }, this.layer);
      line.dataset.guide = guide.keypoint;
      return;
    }
    const [x, y] = guide.xy, r = 7 * scale;
    const d = `M${x - r} ${y}H${x + r}M${x} ${y - r}V${y + r}`;
    const cross = element("path", { d, stroke, class: `cross${faint}` }, this.layer);
    cross.dataset.guide = guide.keypoint;
    if (guide.keypoint === chosen) this.write(`${guide.error.toFixed(1)} px`, x + 9 * scale, y + 14 * scale, scale, stroke);
  }

  write(words, x, y, scale, fill) {
    const place = `translate(${x} ${y}) scale(${scale})`;
    element("text", { class: "name", fill, transform: place }, this.layer).textContent = words;
  }
}

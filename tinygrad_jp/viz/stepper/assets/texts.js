"use strict";
// What the page says, in both languages.

const TEXTS = {
  en: {
    "graph": "computational graph", "untitled": "Computational graph", "language": "日本語", "to the language": "日本語に切り替える",
    "search": "Search: name, op, module", "search results": "Results", "nothing found": "nothing found",
    "modules": "Modules", "open all": "Open all", "close all": "Close all", "open": "open", "closed": "closed",
    "help": "Help and keys", "close": "Close", "narration": "What happens in this step", "controls": "Playing",
    "zoom": "Zoom", "zoom in": "Zoom in", "zoom out": "Zoom out", "zoom fit": "Show the whole graph",
    "first": "To the start", "previous": "Step back", "next": "Next step", "last": "To the end",
    "play": "Play", "pause": "Pause", "slider": "Step", "speed": "Speed",
    "step of": "{k} / {n}", "step words": "step {k} of {n}",
    "start": "Start", "forward": "Forward", "turn": "Turn", "backward": "Backward",
    "start told": "The inputs are given. Each step computes one node, from left to right.",
    "start without gradients": "The inputs are given. Each step computes one node. (There are no gradients: call backward() before viz.step.)",
    "turn told": "The forward pass is complete. The backward pass starts at the result, with this gradient, and goes from right to left.",
    "sum told": "Several gradients arrive here: they add up.", "sum": "sum",
    "replaced told": "The gradient here is another one than what arrived by this step:", "replaced": "gradient",
    "not kept": "Only small arrays were kept. Compute inside “with tinygrad_jp.keep_values():” to see all values and the lines of code.",
    "op": "operation", "input": "input", "constant": "input without a gradient", "result": "result",
    "formula": "Computation", "source": "Line of code", "no source": "not noted: compute inside “with keep_values():”",
    "in function": "in {name}", "module": "Module", "shape": "Shape", "dtype": "Dtype", "attributes": "Arguments",
    "inputs": "Inputs", "history": "History", "values": "Values", "array": "Array", "value": "value", "gradient": "gradient",
    "of the result": "of {name}", "value of": "value of {name}", "gradient of": "gradient of {name}",
    "contribution": "gradient sent to {name}", "not computed": "not computed", "unknown": "not kept; shape {shape}: compute inside “with keep_values():”",
    "empty": "no elements", "cut": "The first {n} of {all} elements are shown.", "go to step": "Show this step",
    "table of": "Table: {name}", "description": "{ops} operations. The result is {result}. {steps}",
    "help text": [
      ["→ / ←", "next step, step back"], ["Space", "play, pause"], ["Home / End", "to the start, to the end"],
      ["B", "to where the backward pass starts"], ["Enter", "all about the node of this step"], ["/", "search"],
      ["+ / − / 0", "zoom in, zoom out, whole graph"], ["Shift + ← ↑ → ↓", "move the graph"], ["M", "modules"],
      ["L", "Japanese or English"], ["Esc", "close"],
    ],
    "help mouse": "Click a node or an input for its history, its values and the line of code that made it. Drag to move, turn the wheel or pinch to zoom. A click on a module's title opens or closes it.",
    "legend": "Black above the arrows: values that flow forward. Red below: gradients that come back. No red number: this gradient was not computed.",
  },
  ja: {
    "graph": "計算グラフ", "untitled": "計算グラフ", "language": "English", "to the language": "Switch to English",
    "search": "検索:名前・演算・モジュール", "search results": "検索結果", "nothing found": "見つかりません",
    "modules": "モジュール", "open all": "すべて開く", "close all": "すべて閉じる", "open": "開いています", "closed": "閉じています",
    "help": "ヘルプとキー操作", "close": "閉じる", "narration": "このステップの説明", "controls": "再生",
    "zoom": "拡大と縮小", "zoom in": "拡大", "zoom out": "縮小", "zoom fit": "全体を表示",
    "first": "最初へ", "previous": "1 ステップ戻る", "next": "次のステップ", "last": "最後へ",
    "play": "再生", "pause": "一時停止", "slider": "ステップ", "speed": "速さ",
    "step of": "{k} / {n}", "step words": "{n} ステップ中 {k}",
    "start": "開始", "forward": "順伝播", "turn": "折り返し", "backward": "逆伝播",
    "start told": "入力が与えられています。1 ステップごとに、左から右へノードを 1 つずつ計算します。",
    "start without gradients": "入力が与えられています。1 ステップごとにノードを 1 つずつ計算します。(勾配はありません。viz.step の前に backward() を呼んでください。)",
    "turn told": "順伝播が終わりました。逆伝播は、この勾配を持って出力から始まり、右から左へ進みます。",
    "sum told": "ここには複数の勾配が届くので、足し合わせます。", "sum": "和",
    "replaced told": "ここの勾配は、このステップで届いたものとは別の値です。", "replaced": "勾配",
    "not kept": "小さな配列だけが残っています。すべての値とコードの行を見るには「with tinygrad_jp.keep_values():」の中で計算してください。",
    "op": "演算", "input": "入力", "constant": "勾配を持たない入力", "result": "出力",
    "formula": "計算", "source": "コードの行", "no source": "記録がありません。「with keep_values():」の中で計算してください",
    "in function": "{name} の中", "module": "モジュール", "shape": "形状", "dtype": "データ型", "attributes": "引数",
    "inputs": "入力", "history": "履歴", "values": "値", "array": "配列", "value": "値", "gradient": "勾配",
    "of the result": "{name}", "value of": "{name} の値", "gradient of": "{name} の勾配",
    "contribution": "{name} へ送る勾配", "not computed": "計算されていません", "unknown": "残っていません(形状 {shape})。「with keep_values():」の中で計算してください",
    "empty": "要素がありません", "cut": "全 {all} 要素のうち最初の {n} 要素を表示しています。", "go to step": "このステップを表示",
    "table of": "表:{name}", "description": "{ops} 個の演算。出力は {result} です。{steps}",
    "help text": [
      ["→ / ←", "次のステップ、1 ステップ戻る"], ["Space", "再生、一時停止"], ["Home / End", "最初へ、最後へ"],
      ["B", "逆伝播の始まりへ"], ["Enter", "このステップのノードの詳細"], ["/", "検索"],
      ["+ / − / 0", "拡大、縮小、全体を表示"], ["Shift + ← ↑ → ↓", "グラフを動かす"], ["M", "モジュール"],
      ["L", "日本語と英語の切り替え"], ["Esc", "閉じる"],
    ],
    "help mouse": "ノードや入力をクリックすると、履歴・すべての値・それを作ったコードの行が見られます。ドラッグで移動、ホイールまたはピンチで拡大・縮小。モジュールの見出しをクリックすると開閉します。",
    "legend": "矢印の上の黒い数は順伝播で流れる値、下の赤い数は逆伝播で戻る勾配です。赤い数のない所の勾配は計算されていません。",
  },
};

let spoken = document.documentElement.lang === "ja" ? "ja" : "en";

/** A text in the language that is spoken, with values put into its braces. */
function say(key, values = {}) {
  const text = TEXTS[spoken][key];
  return typeof text === "string" ? text.replace(/\{(\w+)\}/g, (_, name) => String(values[name])) : text;
}

/** Put the texts into all elements that name one. */
function sayEverywhere() {
  document.documentElement.lang = spoken;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = say(element.dataset.text);
  for (const element of document.querySelectorAll("[data-placeholder]")) element.placeholder = say(element.dataset.placeholder);
  for (const element of document.querySelectorAll("[data-label]")) {
    const label = say(element.dataset.label);
    element.setAttribute("aria-label", label);
    if (element.tagName === "BUTTON") element.title = element.dataset.key ? `${label} (${element.dataset.key})` : label;
  }
}

/** Whether the total of a step adds several gradients up, or tells what became of a single one. */
const kindOfTotal = (step) => (step.total.includes(" + ") ? "sum" : "replaced");

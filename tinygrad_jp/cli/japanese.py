"""What the command line says in Japanese; the keys are those of ``english.py``, in the same order."""

TEXT = {
    # ---------------------------------------------------------------- messages
    "interrupted": "中断しました",
    "go on": "学習を中断しました。続けるには:  tinygrad-jp train --out {folder} --resume",
    "from the start": "{folder} にはまだチェックポイントがないので、最初から学習します。",
    "training": "{data} の {n} 個のデータで学習し、{val} 個で検証します。",
    "stopped early": "{wanted} エポックのうち {epochs} エポックで学習を終えました。良くならないエポックが {patience} 回"
    "を超えて続いたからです(--patience)。",
    "best epoch": "最も良かったのは {epochs} エポック中の第 {epoch} エポックです({monitor} {value:.4g})。",
    "test accuracy": "テストデータ {n} 個の認識精度: {accuracy:.2%}、損失 {loss:.4g}(第 {epoch} エポック)",
    "saved": "保存しました: {path}",
    "no plots": '図は描きませんでした。matplotlib が必要です: pip install "tinygrad_jp[cli]"',
    "class": "クラス",
    "precision": "適合率",
    "recall": "再現率",
    "F": "F 値",
    "examples": "個数",
    "mean": "クラスの平均",
    "confusion": "混同行列(行: 正解のクラス、列: 予測したクラス)",
    "inverted": "背景が明るいので白黒を反転しました",
    "blank": "ほぼ 1 色で、認識できるものがありません",
    # ---------------------------------------------------------------- errors
    "run exists": "{folder} にはすでに学習結果があります。続けるなら --resume、置き換えるなら --overwrite を付ける"
    "か、別の --out を指定してください",
    "run missing": "{folder} に学習結果がありません({file} がない)。`tinygrad-jp train --out` で書き出したフォルダを"
    "指定してください",
    "run damaged": "{path} を使えません({why})。ファイルを元に戻すか、--overwrite を付けて学習し直してください",
    "run version": "{path} はバージョン {version} ですが、この tinygrad_jp が読めるのはバージョン {known} です。"
    "tinygrad_jp を更新するか、--overwrite を付けて学習し直してください",
    "no checkpoint": "{folder} にはまだチェックポイントがありません。まず 1 エポックを終えてください: tinygrad-jp "
    "train --out {folder} --resume",
    "other network": "{path} の重みは {config} に書かれたネットワークのものではありません。正しいファイルに戻すか、"
    "--overwrite を付けて学習し直してください",
    "resume differs": "--resume は {path} の設定のまま続けます。{options} が設定と違います。これらを外す(変えられるの"
    "は --epochs を増やすことだけです)か、別の --out で新しく学習してください",
    "unknown": "{name!r} という{kind}はありません。{hint}",
    "near": "{near!r} ではありませんか?",
    "nearly": "({near} ではありませんか?)",
    "there are": "使えるもの: {names}",
    "model": "モデル",
    "optimizer": "更新手法",
    "data set": "データセット",
    "activation": "活性化関数",
    "model takes": "モデル {model} に {option} はありません。使えるもの: {takes}",
    "augment points": "--augment は画像を変化させますが、{data} は平面上の点です。外してください",
    "other data": "{data} は形状 {shape}、{classes} クラスですが、この学習結果が受け取るのは形状 {own_shape}、"
    "{own_classes} クラスです。同じ種類のデータを指定してください",
    "needs images": "{folder} は平面上の点({data})で学習したものです。predict は画像を読むので、画像で学習した結果を"
    "指定してください",
    "image missing": "{path}: ファイルがありません。パスを確かめてください",
    "image unreadable": "{path}: 画像として読めません({why})。PNG や JPEG などの画像を指定してください",
    "not drawn": "計算グラフを描けませんでした: {why}",
    "no safetensors": 'チェックポイントには safetensors が必要です: pip install "tinygrad_jp[cli]"',
    "script syntax": "{path} の {line} 行目は Python として読めません({why})。直してもう一度お試しください",
    "script failed": "{path} の {line} 行目: {kind}: {why}",
    "script ended": "{path} が終了コード {status} で終わったので、何も描きませんでした",
    "no result": "{path} にはたどれる計算がありません。requires_grad=True の Tensor から計算した結果を、関数の外"
    "(ファイルの最上位)で変数に代入してください",
    "no such result": "{path} の最上位に {name!r} がありません。{hint}",
    "no results": "たどれる結果はほかにもありません",
    "result is no tensor": "{name} は Tensor ではなく {type} です。計算した Tensor の名前を指定してください",
    "result is a leaf": "{name} には計算の記録がありません(入力か、切り離されたか、no_grad() の中の値です)。結果の"
    "名前を指定してください",
    "no gradients": "{name} には勾配がないので、順伝播だけを再生します。ファイルの中で {name}.backward() を呼んで"
    "ください",
    "too many": "{name} までの演算は {count} 個で、一つずつたどるには多すぎます({most} 個まで)。--result で途中の結果を"
    "指定するか、--max-nodes {count} で上限を上げてください",
    "not html": "{path}: ページは HTML ファイルです。名前の最後を .html にしてください",
    "not opened": "{path} は保存しましたが、ブラウザを起動できません。ご自分で開いてください",
    "no pillow": '画像を読むには Pillow が必要です: pip install "tinygrad_jp[cli]"',
    "no memory": "メモリが足りません({why})。ネットワーク(--hidden)か --batch-size を小さくしてください",
    "training failed": "学習を続けられません。学習係数(--lr)を小さくすると直ることがあります: {why}",
    "data failed": "ファイルやデータを使えません: {why}",
    "drawing failed": "図を描けません: {why}",
    "failed": "実行できません: {why}",
    "file failed": "{path}: 読み書きできません({why})",
    # ---------------------------------------------------------------- wrong usage
    "see help": "{message}。使い方: {command} --help",
    "no option": "{name} というオプションはありません",
    "no command": "{name!r} というコマンドはありません",
    "missing": "{name} を指定してください",
    "bad value": "{name}: {message}",
    "no value": "{name} には値が必要です",
    "not a number": "{value!r} は数ではありません",
    "not whole": "{value!r} は整数ではありません",
    "out of range": "{value!r} は範囲の外です。指定できるのは {range} です",
    "resume or overwrite": "--resume と --overwrite は同時に使えません",
    "bad choice": "{value!r} は {names} のどれでもありません",
    "extra": "{words} は余分です",
    "empty path": "パスが空です(今のフォルダなら '.')",
    "not sizes": "{value!r} はユニット数の並びではありません。例: 100,100",
    # ---------------------------------------------------------------- help: words
    "Usage": "使い方",
    "Options": "オプション",
    "Commands": "コマンド",
    "[options]": "[オプション]",
    "[command]": "コマンド",
    "help": "この説明を表示して終わります。",
    "version": "バージョンを表示して終わります。",
    "lang": "メッセージと説明の言語(en または ja)です。指定がなければ TINYGRAD_JP_LANG、次にロケールに従います。",
    # ---------------------------------------------------------------- help: commands
    "program page": "『ゼロから作る Deep Learning』のように計算グラフを描き、ネットワークを学習します。\n\n"
    "例: tinygrad-jp train --hidden 100,100 --epochs 10 --out runs/first で学習し、tinygrad-jp eval runs/first で評価"
    "します。各コマンドの説明は `tinygrad-jp コマンド --help` で表示されます。",
    "demo": "計算グラフを 2 つ描き、数字認識を学習します。",
    "demo page": "本の 2 つの買い物の計算グラフを勾配とともに描き、Tensor の演算だけで書いた 784-50-10 のネットワーク"
    "を本物の MNIST の一部で学習します。10 秒ほどかかります。",
    "demo out": "図を保存するフォルダです。既定値は demo_output です。",
    "train": "ネットワークを学習し、フォルダに保存します。",
    "train page": "ネットワークを学習し、使うために必要なものをフォルダに保存します。設定、最後の重みと最良の重み、学"
    "習の履歴、学習曲線です。\n\n"
    "Ctrl-C で安全に中断できます。--resume を付けると続きから学習し、中断しなかった場合とまったく同じ重みになります。"
    "`tinygrad-jp train --out DIR --resume` だけで続けられます。そのとき --epochs を増やすこともできます。",
    "train model": "ネットワークです({models})。既定値は {model} です。",
    "train hidden": "隠れ層のユニット数をコンマで区切って並べます。空の文字列('')なら隠れ層はありません。既定値は "
    "{hidden} です。",
    "train activation": "各隠れ層の活性化関数です。既定値は {activation} です。",
    "train dropout": "学習中に隠れ層のユニットを消す確率(Dropout)です。既定値は 0 です。",
    "train batch norm": "各活性化関数の前でバッチを正規化します(Batch Normalization)。",
    "train optimizer": "重みの更新手法です({optimizers})。既定値は {optimizer} です。",
    "train lr": "学習係数です。既定値は更新手法ごとに決まっています。",
    "train weight decay": "Weight decay の強さです。既定値は更新手法ごとに決まっています。",
    "train batch size": "1 つのバッチに入れるデータの個数です。既定値は {batch_size} です。",
    "train epochs": "学習データを何回使うかです。最初から数えます。既定値は {epochs} です。",
    "train data": "データセットです({data_sets})。mini は本物の MNIST の一部で、ダウンロードが要りません。既定値は "
    "{data} です。",
    "train val": "学習データのうち検証に使う割合です。既定値は {val} です。0 なら検証しません。",
    "train augment": "学習画像をランダムに少しだけ移動、回転、拡大縮小します(Data Augmentation)。",
    "train seed": "すべての乱数を決める数です。既定値は {seed} です。",
    "train patience": "良くならないエポックが N 回を超えたら学習を止めます。指定がなければ最後まで学習します。",
    "train out": "学習結果のフォルダです。必ず指定してください。",
    "train resume": "--out にある学習を、中断したところから続けます。",
    "train overwrite": "--out にある学習結果を置き換えます。",
    "eval": "学習結果をテストデータで評価します。",
    "eval page": "フォルダ RUN にある学習結果の最良のエポックを、テストデータで評価します。認識精度と損失、クラスごと"
    "の適合率・再現率・F 値、混同行列(confusion.png にも保存)を表示し、間違えた画像を misclassified.png に保存しま"
    "す。",
    "eval data": "テストデータを使うデータセットです。指定がなければ学習したものと同じです。",
    "predict": "画像に何が写っているかを答えます。",
    "predict page": "フォルダ RUN にある学習結果を使って、画像に何が写っているかを答えます。画像は学習に使ったデータ"
    "と同じ形に直します。MNIST は黒地に白なので、背景の明るい画像は白黒を反転します。大きさの違う画像は、MNIST の数字"
    "が作られたときと同じように、描かれた部分を切り出して 20 × 20 画素に縮め、28 × 28 の中央に置きます。",
    "predict top": "表示するクラスの個数です。既定値は 3 です。",
    "predict invert": "すべての画像の白黒を反転する、または反転しません。指定がなければ、背景の明るい画像だけを反転し"
    "ます。",
    "graph": "学習したネットワークの計算グラフを描きます。",
    "graph page": "フォルダ RUN にある学習結果のネットワークに 1 つのデータを入れたときの計算グラフを、配列の形状"
    "とともに描きます。",
    "graph output": "書き出すファイルです。拡張子(.svg、.png、.pdf、.dot)で形式が決まります。既定値は model.svg で"
    "す。",
    "plot": "学習曲線と重みの分布を描きます。",
    "plot page": "フォルダ RUN にある学習結果の学習曲線と重みのヒストグラムを描き、そのフォルダに learning_curves.png "
    "と weight_histograms.png として保存します。",
    "step": "スクリプトの計算を再生するページを作ります。",
    "step page": "Python ファイルを実行し、その中の Tensor の計算を、順伝播はノードごとに、逆伝播は矢印ごとに再生する"
    "ページを作ります。ページは 1 つのファイルで、ネットワークなしでどのブラウザでも開けます。",
    "step result": "ファイルの最上位にある Tensor の名前です。既定では最後に backward() を呼んだもの、なければ最後に"
    "計算したものです。",
    "step output": "書き出すページです。既定ではファイルの名前に .step.html を付け、今のフォルダに置きます。",
    "step max nodes": "再生する演算の最大数です。既定値は {steps} です。",
    "step open": "ページをブラウザで開きます。",
    "report": "学習結果のすべてを 1 枚の HTML にまとめます。",
    "report page": "フォルダ RUN にある学習結果を 1 枚の HTML にまとめます。学習曲線、テストデータでの結果と混同行列、"
    "誤認識した画像、ネットワークの計算グラフと層の一覧、学習したフィルターと重み、設定、履歴です。ページはこれだけで完"
    "結しています。",
    "report output": "書き出すファイルです(.html)。既定値は report.html です。",
}  # fmt: skip

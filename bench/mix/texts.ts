// Texts of which the mix of requests is made: prose in eight languages, code, and tools. Written for
// this purpose; what they say does not matter, how they are spelled does.

export const LANGUAGES = {
  english: [
    'The scheduler hands the freed slot to whoever has waited longest, so nobody starves behind a busy neighbour.',
    'Please summarise the following report in three sentences and list the two largest risks at the end.',
    'Our warehouse in Rotterdam has changed its opening hours; from Monday on deliveries are taken between six and two.',
    'I have been trying to reproduce the error for two days, but it only appears when the cache is cold and the disk is nearly full.',
    'What would be a fair way to split the cost of a shared printer among four small offices?',
    'Although the experiment failed, its notes were useful: they showed which of our assumptions nobody had ever checked.',
    'Write a friendly reply that thanks the customer, explains the delay, and offers a partial refund of 15 per cent.',
    'A lighthouse keeper once told me that the sea is never silent, only sometimes polite.',
  ],
  german: [
    'Die Lieferung verzögert sich um voraussichtlich drei Werktage, weil die Zollpapiere unvollständig waren.',
    'Bitte fassen Sie den Prüfbericht zusammen und nennen Sie die wichtigsten Abweichungen gegenüber dem Vorjahr.',
    'Der Geschwindigkeitsbegrenzer wurde nachträglich eingebaut, obwohl die Betriebsgenehmigung noch ausstand.',
    'Können wir die Besprechung auf Donnerstagnachmittag verschieben? Am Vormittag bin ich beim Zahnarzt.',
    'Im Frühling riecht der Garten hinter dem Haus nach feuchter Erde und nach dem Flieder der Nachbarin.',
  ],
  french: [
    'La réunion est reportée à jeudi parce que deux des intervenants sont encore en déplacement.',
    'Pourriez-vous rédiger une réponse polie qui explique pourquoi la commande n’a pas encore été expédiée ?',
    'Les élèves ont préféré l’expérience avec les aimants, même si elle était plus difficile à comprendre.',
    'Au marché, la vendeuse de fromages connaît tous ses clients par leur prénom et par leurs habitudes.',
  ],
  spanish: [
    'El informe trimestral muestra que las ventas crecieron un siete por ciento, sobre todo en las regiones del norte.',
    '¿Podrías explicarme con un ejemplo sencillo cómo funciona la caché de segundo nivel?',
    'La panadería de la esquina cierra los lunes, así que tendremos que comprar el pan en la estación.',
    'Aunque llovía a cántaros, los niños quisieron seguir jugando en el patio hasta que anocheció.',
  ],
  russian: [
    'Отчёт нужно подготовить до пятницы, иначе мы не успеем согласовать его с бухгалтерией.',
    'Пожалуйста, объясни простыми словами, чем отличается очередь от стека и где применяют каждую из них.',
    'Зимой поезда часто опаздывают, поэтому я всегда беру с собой книгу и термос с чаем.',
    'Новая версия программы работает быстрее, однако требует вдвое больше оперативной памяти.',
  ],
  arabic: [
    'يرجى تلخيص التقرير التالي في ثلاث جمل مع ذكر أهم المخاطر في النهاية.',
    'تأخرت الشحنة ثلاثة أيام لأن أوراق الجمارك لم تكن مكتملة عند وصولها إلى الميناء.',
    'أحب أن أشرب القهوة في الصباح الباكر قبل أن تستيقظ المدينة وتمتلئ الشوارع بالناس.',
    'كيف يمكنني تحسين سرعة قاعدة البيانات عندما يزداد عدد المستخدمين في وقت واحد؟',
  ],
  hindi: [
    'कृपया इस रिपोर्ट का सारांश तीन वाक्यों में लिखिए और अंत में दो मुख्य जोखिम बताइए।',
    'बारिश के कारण ट्रेन दो घंटे देर से पहुँची, इसलिए हम बैठक में समय पर नहीं पहुँच सके।',
    'मुझे समझाइए कि कतार और ढेर में क्या अंतर है और इनका उपयोग कहाँ किया जाता है।',
  ],
  chinese: [
    '请用三句话总结下面的报告，并在最后列出两个最大的风险。',
    '由于海关文件不完整，这批货物预计会延迟三个工作日才能送达仓库。',
    '我想知道，当用户数量突然增加的时候，怎样才能让数据库的查询速度保持稳定？',
    '清晨的茶馆里坐满了老人，他们一边喝茶，一边谈论昨天的天气和孙子的考试成绩。',
  ],
  japanese: [
    '次の報告書を三つの文で要約し、最後に最も大きなリスクを二つ挙げてください。',
    '税関の書類が揃っていなかったため、荷物の到着は三日ほど遅れる見込みです。',
    '雨の日には、駅前の小さな喫茶店で本を読みながらコーヒーを飲むのが好きです。',
  ],
  korean: [
    '다음 보고서를 세 문장으로 요약하고 마지막에 가장 큰 위험 두 가지를 적어 주세요.',
    '세관 서류가 완전하지 않아서 물건은 사흘 정도 늦게 도착할 것으로 보입니다.',
    '비가 오는 날에는 작은 찻집에 앉아 책을 읽으면서 사람들을 구경하는 것을 좋아합니다.',
  ],
} as const;

export type Language = keyof typeof LANGUAGES;

export const CODE = [
  `export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] ?? NaN;
  return ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
`,
  `def read_rows(path, *, delimiter=";"):
    """Yield one dict per line; lines that do not parse are counted and skipped."""
    skipped = 0
    with open(path, newline="", encoding="utf-8") as handle:
        for row in csv.DictReader(handle, delimiter=delimiter):
            try:
                yield {key.strip(): float(value) for key, value in row.items()}
            except ValueError:
                skipped += 1
    logger.info("skipped %d rows of %s", skipped, path)
`,
  `SELECT c.region, date_trunc('month', o.placed_at) AS month, sum(o.total_cents) / 100.0 AS total
FROM orders AS o
JOIN customers AS c ON c.id = o.customer_id
WHERE o.status <> 'cancelled' AND o.placed_at >= now() - interval '1 year'
GROUP BY 1, 2
HAVING count(*) > 10
ORDER BY month DESC, total DESC;
`,
  `func (q *Queue) Pop(ctx context.Context) (*Item, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 {
		if err := q.wait(ctx); err != nil {
			return nil, fmt.Errorf("pop: %w", err)
		}
	}
	item := q.items[0]
	q.items = q.items[1:]
	return item, nil
}
`,
  `{"id": 48213, "status": "shipped", "lines": [{"sku": "AX-100-7", "count": 2, "price": 19.9},
 {"sku": "BR-044-1", "count": 1, "price": 249.0}], "address": {"city": "Gdańsk", "zip": "80-001"}}
`,
] as const;

/** Functions that a model may call, as OpenAI's clients send them. */
export const TOOLS = [
  aTool('get_weather', 'Tells the weather at a place now or at a given time.', {
    place: { type: 'string', description: 'City and country, for example Oslo, Norway' },
    unit: { type: 'string', enum: ['celsius', 'fahrenheit'] },
    at: { type: 'string', description: 'ISO 8601 time; now if it is left out' },
  }),
  aTool('search_orders', 'Finds orders of the customer who is signed in.', {
    status: { type: 'string', enum: ['open', 'shipped', 'returned', 'cancelled'] },
    after: { type: 'string', description: 'Only orders placed after this date' },
    limit: { type: 'integer', description: 'At most so many, 20 by default' },
  }),
  aTool('run_query', 'Runs a read-only SQL query against the reporting database.', {
    sql: { type: 'string', description: 'One SELECT statement without a semicolon' },
    parameters: { type: 'array', items: { type: 'string' } },
  }),
  aTool('send_message', 'Sends a message to a channel of the team.', {
    channel: { type: 'string' },
    text: { type: 'string', description: 'Markdown, at most 4000 characters' },
    silent: { type: 'boolean' },
  }),
] as const;

function aTool(name: string, description: string, properties: Readonly<Record<string, object>>) {
  const [first = ''] = Object.keys(properties);
  const parameters = { type: 'object', properties, required: [first] };
  return { type: 'function', function: { name, description, parameters } };
}

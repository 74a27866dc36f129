// Microsoft's parser of KQL over queries: what it finds wrong in each, by name. Reads {tables: {name: "(column: type, …)"},
// queries: {name: text}} from standard input, and writes {name: ["code: message", …]}.
'use strict'
require('@kusto/language-service-next/bridge.min.js')
require('@kusto/language-service-next/Kusto.Language.Bridge.min.js')

const { KustoCode, GlobalState, Symbols } = Kusto.Language
const { tables, queries } = JSON.parse(require('fs').readFileSync(0, 'utf8'))

const members = Object.entries(tables).map(([name, schema]) => new Symbols.TableSymbol.$ctor7(name, schema, null))
const list = new (System.Collections.Generic.List$1(Symbols.Symbol).ctor)()
for (const member of members) list.add(member)
const database = new Symbols.DatabaseSymbol.$ctor3('workspace', null, list, false)
const globals = GlobalState.Default.WithDatabase(database)

const found = {}
for (const [name, text] of Object.entries(queries)) {
  const code = KustoCode.ParseAndAnalyze(text, globals)
  const diagnostics = code.GetDiagnostics()
  found[name] = []
  for (let i = 0; i < diagnostics.Count; i++) {
    const diagnostic = diagnostics.getItem(i)
    found[name].push(`${diagnostic.Code}: ${diagnostic.Message}`)
  }
}
process.stdout.write(JSON.stringify(found))

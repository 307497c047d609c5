//! Names that stand in for others. Written for medlock: names that occur, none of them a plain word,
//! and places that are on no map. None is used where the text itself has it.

/// Stand-ins for women's first names.
pub(in crate::deidentify) const FEMALE: &str = "Adelina Aileen Albertina Aldith Alexa Alienor Alina Allegra Althea Amabel Anneliese \
    Annika Anthea Antonella Ariadne Arlette Astrid Aurelia Averil Beatrix Belinda Benedetta Berenice Bettina Birgit \
    Bridget Brigitta Bronwyn Calista   Carlotta Cassandra Catalina Cecily Celestine Cerys Clarissa \
    Clementina Cordelia Corinna Cosima Cressida Dagmar Damaris Danica Daphne Delphine Demelza  Dorothea \
     Eileen Elfrida Elodie Eloise Elspeth Emmeline Ernestine Estelle Eudora Eugenia Euphemia Evadne Evangeline \
    Fenella Fidelia Fiona Flavia Florentina Francesca Freya Gabriella Genevieve Georgiana Gerda Giselle Gloriana \
    Greta   Gwendolyn Hedwig Helga Henrietta Hermia Hermione Hildegard Honora Ileana Imogen \
    Ingrid  Isadora Isolde Jacinta Jessamine Jocasta Johanna Josephina Juliana Katinka Kerensa Kirsten \
    Lavinia Leocadia Leonora Leopoldine Letitia Lilias Linnea Lisbeth Loretta Lorelei Louisa Lucasta Lucinda Ludmilla \
    Lysandra Madelena Magdalena Malvina Marcella Margot Mariella Marietta  Marjolaine Maristela Matilda Mathilde \
    Melisande  Mercedes Mirabel Morwenna Muriel Myfanwy Nadezhda Natasha Nerissa Nicoletta Noemi Octavia Odette \
      Oriana Ottilie  Paulina Penelope Perdita Petronella Philippa Philomena  Priscilla \
    Raphaela Rosalba Rosalind Rosamund Rowena Sabina   Selina Seraphina Sidonie Sieglinde Sigrid Silvana \
    Solveig Sophronia Susannah Tabitha Tamsin Tatiana Thekla Theodora Theodosia Thomasina  Ulrica  Ursula \
    Valentina  Verena Veronika Violetta Viviana Wendeline Wilhelmina Winifred Xanthe Yolanda Yseult Zenobia ";

/// Stand-ins for men's first names.
pub(in crate::deidentify) const MALE: &str = "Ambrose Anselm Anatole Ansgar Archibald Aribert Armand Arvid Athelstan Augustin Aurelio \
    Balthazar Barnaby Bartholomew  Benedict Bernhard Bertrand Blaise Boris Broderick Caspar Cedric Clemens Conrad \
    Cornelius  Crispin Cuthbert Cyprian Cyril Damian Dashiell Demetrius Desmond Diarmuid Didier Dietrich Dimitri \
    Donatello Dougal Dunstan Eamon  Edgar Edmund Egbert Einar Eldred Emeric Emmerich Erasmus Ernesto Ethelbert \
    Eustace Evander Everard Ezekiel Fabian Fabrizio Faustino Ferdinand Fergus Finnian Florian Frederick Gareth Gaspard \
    Gawain Geoffrey Gerald Gereon Gervase Gideon Giles Godfrey Gottfried Gregor Guido Guillermo Gunther Gustav Hamish \
    Hartmut  Hector Heinrich  Hereward Hilarion Horatio Hubert Humbert Humphrey  Ignatius \
    Ingram Isidore Ivo  Jerome Joachim Jocelin Jolyon Julius Justinian Kaspar Kenelm Konrad  Lancelot \
    Laurence  Leander Leopold Linus Lionel Lorcan Lothar Lucian Ludovic Lysander Magnus Malachi Manfred \
    Marcellus Matthias Maximilian Melchior  Montague Mordecai Mortimer Nathanael Nehemiah Nicodemus Nikolai  \
    Norbert Obadiah Octavius Odilo Olaf Oleg Orlando Osbert Osric Oswald Otto Owain Pascal Percival  Philemon \
    Phineas Piers Quentin Quincy Raphael Reginald Reinhold Reynard Roderick Roland Rudyard Rufus Rupert Sebastian \
      Siegfried Sigmund Silas Silvester Stanislav Stefan Swithin Tarquin  Thaddeus Theobald \
    Theodoric Thorvald Tiberius Tobias Torquil Tristram Ulrich Ulysses  Valentin Vaughan Virgil Vladimir Waldemar \
    Wendell Wilfred Wilhelm Wolfgang Wystan Xavier Yannick Yevgeny Zachariah Zebedee";

/// Stand-ins for first names that tell nothing.
pub(in crate::deidentify) const EITHER: &str = "Ainsley Alexis Arden   Averill Bellamy Beverley Brett  Casey  \
    Corey Courtney  Darcy Delaney Devon Dorian Dylan Ellery Emerson Emory Evelyn Finley Greer Hadley Harlow Hollis \
      Jules Kelsey Kendall Kerry Lesley Lindsay Loren   Micah   Noor   \
    Peyton Quinn  Riley  Rory Rowan Sasha  Shelby Sidney Skyler Tatum  Tyler Wallis Whitney";

/// Women's first names that are common, for telling only.
pub(in crate::deidentify) const WOMEN: &str = "mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty \
    sandra margaret ashley kimberly emily donna michelle carol amanda melissa deborah stephanie rebecca laura helen \
    sharon cynthia kathleen amy shirley angela anna ruth brenda pamela nicole katherine virginia catherine christine \
    samantha debra janet rachel carolyn emma maria heather diane julie joyce evelyn joan victoria kelly christina lauren \
    frances martha judith cheryl megan andrea olivia ann jean alice jacqueline hannah doris kathryn gloria teresa sara \
    janice marie julia grace judy theresa beverly denise marilyn amber danielle rose brittany diana abigail natalie \
    jane lori alexis tiffany kayla rosa elena carmen ana luz isabel lucia sofia gabriela claudia veronica adriana \
    patrice yvonne tamara wendy tina peggy crystal robin dawn connie gladys tracy sherry dolores jill ellen edna \
    florence ethel lucille thelma hazel irene norma anita sylvia josephine vivian sally eleanor edith bernice bertha \
    agnes rita elsie priya fatima aisha mei ling yuki olga svetlana natasha ingrid greta heidi ursula chloe mia ava \
    isabella charlotte amelia harper ella zoe lily nora leah hailey layla madison aaliyah keisha latoya tanisha ebony \
    guadalupe juana francisca rosario consuelo esperanza pilar ines beatriz monica erica sophia maureen eileen colleen \
    bridget sheila rosemary marjorie phyllis geraldine lorraine jeanette annette suzanne valerie";

/// Men's first names that are common, for telling only.
pub(in crate::deidentify) const MEN: &str = "james robert john michael david william richard joseph thomas charles christopher daniel \
    matthew anthony mark donald steven paul andrew joshua kenneth kevin brian george timothy ronald edward jason jeffrey \
    ryan jacob gary nicholas eric jonathan stephen larry justin scott brandon benjamin samuel gregory alexander frank \
    patrick raymond jack dennis jerry tyler aaron jose adam nathan henry douglas zachary peter kyle ethan walter noah \
    jeremy christian keith roger terry gerald harold sean austin carl arthur lawrence dylan jesse jordan bryan billy \
    joe bruce gabriel logan albert willie alan juan wayne elijah randy roy vincent ralph eugene russell bobby mason \
    philip louis luis carlos miguel jorge pedro manuel francisco antonio alejandro ricardo fernando roberto eduardo \
    rafael javier raul sergio oscar mario hector ramon enrique diego pablo ahmed mohammed muhammad omar ali hassan \
    ibrahim wei hiroshi kenji raj arjun sanjay vijay anil ravi ivan dmitri sergei boris igor hans klaus jurgen heinz \
    liam mateo lucas oliver aiden caleb luke isaac owen connor evan hunter cameron jamal tyrone darnell malik terrence \
    marcus andre reginald clarence ernest stanley leonard howard fred earl clyde melvin herbert harvey theodore chester \
    glenn curtis norman marvin vernon leroy warren lloyd dean travis todd craig chad derek barry calvin duane";

/// How stand-in surnames begin.
pub(in crate::deidentify) const HEADS: &str = "Ablet Ald Alver Ander Apple Arken Arn Ash Avel Bal Barn Bas Beck Bel Ben Berk Bever Blen \
    Bram Bran Brax Bren Brom Bur Cald Cam Car Cath Chal Char Chel Ched Clev Col Con Corn Cot Cran Crom Cud Cul Dal Dar \
    Den Der Dres Dun Dur Eccle Edger El Ember Esk Ever Fal Far Fen Fer Fin Fos Ful Gar Gil Glas Glen God Gran Grim Had \
    Hal Ham Har Has Haver Hel Hem Hes Hol Hul Ingle Kel Ken Kes Kil Kim Kirk Lam Lan Lang Lath Leck Led Ling Lock Lud \
    Mal Man Mar Mas Mel Mer Mil Mon Mor Nar Ner New Nor Oak Ol Or Os Pad Pal Pel Pem Pen Per Pick Por Quar Rad Raven \
    Red Ren Rip Ros Roth Rud Sal Sander Sel Shel Sher Sil Snel Som Stan Stav Sten Tad Tal Tar Tem Ter Thal Thor Thrup \
    Til Tor Tren Tril Ul Up Var Ven Wad Wal Wand War Wat Wem Wes Whit Wil Win Wol Wor Yar Yel Yor Zel";

/// How they end.
pub(in crate::deidentify) const TAILS: &str = "bourne bridge brook bury by caster combe cott croft dale den don fell field ford gate \
    grave ham hampton hurst ingham ington land ley low marsh mere mond mont more ney nold ock ridge sby shaw side sley \
    stead stock stone thorpe thwaite ton vale wade ware wick win wood worth";

/// How the names of places and streets end that are on no map.
pub(in crate::deidentify) const PLACES: &str = "hollow brook haven mere crossing glen holt bury field ford port gate dale mouth stead \
    view wick bourne cliff fen";
